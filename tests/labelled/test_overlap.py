"""Test scans that pretraining saw: by content, in runs of this and of older versions."""

import json
from pathlib import Path

import pytest

from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.labelled.overlap_contents import pretraining_contents
from orienteer.labelled.overlap_patients import patients_seen, same_labels
from orienteer.runs.folder import write_config
from orienteer.runs.split import write_split
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import NIFTI, ScanSource, Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store
from tests.helpers.files import noise, write, write_dicom

CONTENTS = {"k1": "c1", "k2": "c2", "k3": "c3"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    write_split(folder, {"k1": "a.nii", "k2": "b.nii"}, {"k3": "c.nii"}, CONTENTS)
    return folder


def test_training_and_held_out_scans_were_seen(run: Path) -> None:
    assert pretraining_contents(str(run)) == set(CONTENTS.values())
    assert pretraining_contents(str(run / "encoder.safetensors")) == set(CONTENTS.values())
    assert seen_before(str(run), {"z": "c3", "new": "c9", "y": "c1"}) == ["y", "z"]


def test_scratch_saw_nothing_and_lone_weights_cannot_be_determined(tmp_path: Path) -> None:
    assert pretraining_contents(None) == pretraining_contents("scratch") == set()
    assert seen_before(str(tmp_path / "encoder.safetensors"), {"a": "c1"}) is None
    (tmp_path / "split.json").write_text("{")
    assert pretraining_contents(str(tmp_path)) is None


def test_a_run_of_an_older_version_is_looked_up_in_its_store(tmp_path: Path) -> None:
    write(tmp_path / "scans" / "a.nii", noise((20, 20, 20)), spacing=(1.0, 1.0, 1.0))
    preparation = Preparation((2.0, 2.0, 2.0))
    report = prepare_folder(
        tmp_path / "scans", tmp_path / "store", Selection(modality="MR"), preparation, workers=0, progress=False
    )
    (key,) = report.keys
    run = tmp_path / "run"
    run.mkdir()
    write_split(run, {key: "a.nii"}, {})
    assert "content" not in json.loads((run / "split.json").read_text())["training"][0]
    write_config(run, {"store": str(tmp_path / "store")})
    with Store.open(tmp_path / "store") as store:
        assert pretraining_contents(str(run)) == {store.scan(key).content}
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert pretraining_contents(str(run)) is None


def test_the_warning_counts_names_and_says_what_to_do() -> None:
    test = {"a": "c1", "b": "c2"}
    assert overlap_warning("runs/ct", test, []) == ""
    assert "cannot be determined" in overlap_warning("weights.safetensors", test, None)
    warning = overlap_warning("runs/ct", test, ["b"])
    assert warning.startswith("WARNING: 1 of 2 test scans were in the pretraining of runs/ct, first b.")
    assert "Do this: pretrain without them (--exclude)" in warning


def test_other_scans_of_a_patient_of_the_pretraining_draw_a_warning_too(tmp_path: Path) -> None:
    for number, patient in enumerate(("P1", "P2", "P1", "P3")):
        tags = {"series": f"1.2.{number}", "modality": "MR", "PatientID": patient}
        write_dicom(tmp_path / f"scans/{number}", noise((20, 20, 20), number), spacing=(1.0, 1.0, 1.0), **tags)
    report = prepare_folder(
        tmp_path / "scans", tmp_path / "store", preparation=Preparation((2.0, 2.0, 2.0)), workers=0, progress=False
    )
    with Store.open(tmp_path / "store") as store:
        contents = {name: store.scan(key).content for name, key in report.names.items()}
    keys, run = report.names, tmp_path / "run"
    run.mkdir()
    write_split(run, {keys["0"]: "0"}, {keys["1"]: "1"}, {key: contents[name] for name, key in keys.items()})
    write_config(run, {"store": str(tmp_path / "store")})
    test = {name: contents[name] for name in ("1", "2", "3")}
    assert patients_seen(str(run), test) == ["2"]
    words = overlap_warning(str(run), test, seen_before(str(run), test)).splitlines()
    assert words[0].startswith("WARNING: 1 of 3 test scans were in the pretraining of")
    assert words[3].startswith(
        "WARNING: 1 of 3 test scans are of patients of whom other scans were in the pretraining of"
    )
    write_config(run, {"store": str(tmp_path / "gone")})
    assert patients_seen(str(run), test) == ["2"]  # the one beside the run folder
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert patients_seen(str(run), test) == []


def pretrained_on(folder: Path, patients: tuple[str, ...]) -> Path:
    """Returns a run on DICOM scans of these patients, prepared into a store of its own beside it."""
    for number, patient in enumerate(patients):
        tags = {"series": f"1.2.{number}", "modality": "MR", "PatientID": patient}
        write_dicom(folder / f"scans/{number}", noise((20, 20, 20), number), spacing=(1.0, 1.0, 1.0), **tags)
    settings = {"preparation": Preparation((2.0, 2.0, 2.0)), "workers": 0, "progress": False}
    report = prepare_folder(folder / "scans", folder / "store", **settings)
    with Store.open(folder / "store") as store:
        contents = {key: store.scan(key).content for key in report.names.values()}
    run = folder / "run"
    run.mkdir()
    write_split(run, {key: name for name, key in report.names.items()}, {}, contents)
    write_config(run, {"store": str(folder / "store")})
    return run


def test_patients_of_dicom_scans_in_another_store_are_known_by_their_headers(tmp_path: Path) -> None:
    run = pretrained_on(tmp_path / "pretraining", ("P1", "P2"))
    for number, patient in enumerate(("P2", "P3", "anonymous")):
        tags = {"series": f"1.3.{number}", "modality": "MR", "PatientID": patient}
        write_dicom(tmp_path / f"test/{number}", noise((20, 20, 20), 10 + number), spacing=(1.0, 1.0, 1.0), **tags)
    sources = {source.name: source for source in discover(tmp_path / "test", progress=False).sources}
    test = {name: f"content of {name}" for name in sources}
    assert patients_seen(str(run), test, sources) == ["0"]
    assert patients_seen(str(run), test) == []
    warning = overlap_warning(str(run), test, [], sources)
    assert warning.startswith("WARNING: 1 of 3 test scans are of patients of whom other scans were in the pretraining")
    moved = (tmp_path / "pretraining").rename(tmp_path / "elsewhere")
    assert patients_seen(str(moved / "run"), test, sources) == ["0"]
    for file in [*run.parent.rglob("*.json"), *(moved / "run").iterdir()]:
        assert "P2" not in file.read_text()


def test_labels_of_subjects_are_compared_with_those_of_the_pretraining(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_split(run, {"k1": "sub-01/ct.nii", "k2": "b.nii"}, {"k3": "sub-02/ct.nii"}, CONTENTS)
    write_config(run, {"store": None})
    test = {"sub-01_ses-2": "c7", "sub-02_ct": "c3", "c": "c8", "sub-9": "c9"}
    sources = {name: ScanSource(name, NIFTI, ()) for name in test} | {"c": ScanSource("sub-02/late.nii", NIFTI, ())}
    assert same_labels(str(run), test, sources) == {"c": "sub-02", "sub-01_ses-2": "sub-01"}
    assert same_labels(str(run), test) == {"sub-01_ses-2": "sub-01"}
    words = overlap_warning(str(run), test, ["sub-02_ct"], sources)
    assert "WARNING: 2 of 4 test scans are labelled like patients of the pretraining" in words
    assert "first sub-02 of c.\nDo this: if both are of one data set" in words


def test_the_pattern_of_the_run_says_what_a_label_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_split(run, {"k1": "P1_a.nii", "k2": "sub-01.nii"}, {"k3": "c.nii"}, CONTENTS)
    write_config(run, {"group_by": r"(P\d)_"})
    assert same_labels(str(run), {"P1_b": "c7", "P2_b": "c8"}) == {"P1_b": "P1"}
    write_config(run, {"group_by": "none"})
    assert same_labels(str(run), {"P1_b": "c7", "sub-01_b": "c8"}) == {}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run/config.yaml", b"store: 3\ngroup_by: 3"),
        ("run/config.yaml", b"group_by: (P\\d_"),
        ("run/config.yaml", b"- a list"),
        ("run/config.yaml", b"\xff\xfe{"),
        ("run/config.yaml", None),
        ("run/split.json", b'{"training": [{"key": 3}], "validation": []}'),
        ("run/split.json", None),
    ],
)
def test_of_a_damaged_run_folder_nothing_is_known(tmp_path: Path, file: str, content: bytes | None) -> None:
    run = pretrained_on(tmp_path, ("P1",))
    (tmp_path / "store" / "index.sqlite").write_bytes(b"no index")
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    test = {"sub-1": "c7"}
    assert patients_seen(str(run), test) == []
    assert same_labels(str(run), test) == {}
    assert (pretraining_contents(str(run)) is None) == (file == "run/split.json")
