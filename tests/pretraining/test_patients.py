"""A run holds out whole patients, says how many there are, and keeps who they are to itself."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.pretraining.plan import plan
from orienteer.pretraining.prepare import prepare
from orienteer.pretraining.pretrain import pretrain
from tests.helpers.files import write_dicom
from tests.helpers.small_run import SMALL

ONE_STEP = {**SMALL, "steps": 1, "validation_fraction": 0.4}
PATIENTS = {"P1": "Miller-4711", "P2": "Smith-0815"}


@pytest.fixture
def brains(torsos: Path, tmp_path: Path) -> Path:
    """Two scans of each of three people, who are told apart by names alone."""
    (tmp_path / "scans").mkdir()
    for number, scan in enumerate(sorted(torsos.glob("*.nii.gz"))):
        os.link(scan, tmp_path / "scans" / f"brain_{1018 + number // 2}_{number % 2}.nii.gz")
    return tmp_path / "scans"


def parts_of(folder: Path) -> list[set[str]]:
    split = json.loads((folder / "split.json").read_text())
    return [{row["name"] for row in split[part]} for part in ("training", "validation")]


def test_scans_of_one_patient_are_never_on_both_sides(brains: Path, tmp_path: Path, capsys) -> None:
    for seed in range(3):
        out, store = tmp_path / f"run{seed}", str(tmp_path / "store")
        pretrain(brains, out, **{**ONE_STEP, "seed": seed, "group_by": r"brain_(\d+)", "store": store})
        training, heldout = ({name[:10] for name in part} for part in parts_of(out))
        assert not training & heldout
        assert len(training | heldout) == 3
    assert capsys.readouterr().err.count("3 patients\n") == 3
    assert json.loads((out / "scans.json").read_text())["patients"] == 3
    assert "They are of 3 patients, none of whom is in both parts." in (out / "MODEL_CARD.md").read_text()


def test_where_patients_are_not_known_it_is_said_once_in_log_card_and_plan(
    brains: Path, tmp_path: Path, capsys
) -> None:
    pretrain(brains, tmp_path / "run", **ONE_STEP)
    assert capsys.readouterr().err.count("atients are not known: each scan counts as one") == 1
    assert "Patients are not known: each scan counts as one." in (tmp_path / "run/MODEL_CARD.md").read_text()
    words = str(plan(brains, dry_run=False, **SMALL))
    assert "patients     patients are not known: each scan counts as one\n" in words
    assert "patients     3 patients\n" in str(plan(brains, dry_run=False, **SMALL, group_by=r"brain_(\d+)"))


def test_preparing_says_how_many_patients_a_pattern_finds(brains: Path, tmp_path: Path, capsys) -> None:
    for pattern, words in ((r"brain_(\d+)", "3 patients\n"), ("1018|_0", "not known for 2 of 6 scans")):
        prepare(brains, tmp_path / "store", workers=0, spacing_mm=(8.0, 8.0, 8.0), group_by=pattern)
        assert words in capsys.readouterr().err


def test_a_pattern_that_matches_no_scan_stops_before_any_work(brains: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="group_by: wanted .* none of 6, first 'brain_1018_0.nii.gz'"):
        pretrain(brains, tmp_path / "run", **ONE_STEP, group_by="brian")
    assert not (tmp_path / "run").exists()


def test_dicom_studies_of_one_patient_stay_together_and_no_identifier_is_written(tmp_path: Path, capfd) -> None:
    scans, generator = tmp_path / "scans", np.random.default_rng(0)
    for number in range(4):
        values = generator.integers(200, 900, (24, 24, 24)).astype(np.int16)
        patient = PATIENTS[f"P{number % 2 + 1}"]
        place = scans / f"study{number}"
        write_dicom(place, values, (4.0, 4.0, 4.0), series=f"1.2.{number}", modality="MR", PatientID=patient)
    words = str(plan(scans, dry_run=False, **SMALL))
    assert "patients     2 patients\n" in words
    pretrain(scans, tmp_path / "run", **ONE_STEP, store=str(tmp_path / "store"))
    training, heldout = parts_of(tmp_path / "run")
    assert {frozenset(training), frozenset(heldout)} == {
        frozenset({"study0", "study2"}),
        frozenset({"study1", "study3"}),
    }
    written = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and scans not in path.parents
    )
    shown = (words + str(capfd.readouterr())).encode()
    assert not any(patient.encode() in written + shown for patient in PATIENTS.values())
    shutil.rmtree(scans / "study1"), shutil.rmtree(scans / "study3")
    with pytest.raises(
        InputError, match="wanted scans of at least 2 patients, one of them held out, got 2 scans of one"
    ):
        pretrain(scans, tmp_path / "one", **ONE_STEP, store=str(tmp_path / "store"))
