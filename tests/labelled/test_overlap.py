"""Test scans that pretraining saw: by content, in runs of this and of older versions."""

import json
from pathlib import Path

import pytest

from orienteer.labelled.overlap import overlap_warning, patients_seen, pretraining_contents, seen_before
from orienteer.runs.folder import write_config
from orienteer.runs.split import write_split
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
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
    write_config(run, {"store": str(tmp_path / "gone")})
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
    assert patients_seen(str(run), test) == []
