"""Whatever a data set lists and whatever its files are called, nothing outside the output folder is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from orienteer.files import csv_rows, write_json
from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from orienteer.labelled.datasets import read_dataset
from tests.helpers.hostile import NAMES, tree, write_hostile_names, write_hostile_places, write_listing
from tests.helpers.labelled import SMALL

ONE_STEP: dict[str, Any] = {**SMALL, "steps": 1, "output_layer": "new", "folds": 2, "pictures": True, "overlap": 0.0}


def results(out: Path) -> list[str]:
    """The cases in results.csv."""
    return [row["case"] for row in csv_rows(out / "results.csv")]


def run_on_all_but_one(path: Path, out: Path, pictures: bool) -> list[str]:
    """Fine-tunes for a step on one case, tests all others, and returns their names; everything lies in ``out``."""
    names = [case.name for case in read_dataset(str(path), None, None).cases]
    write_json(out / "split.json", [{"train": names[-1:], "val": names[:-1]}])
    settings = {**ONE_STEP, "split": str(out / "split.json"), "store": str(out / "store"), "pictures": pictures}
    run = finetune(data=path, out=out / "run", **settings)
    test = json.loads((run.folder / "split.json").read_text())["test"]
    assert len(list((run.folder / "predictions").rglob("*.nii.gz"))) == len(test)
    assert results(run.folder) == test
    return test


@pytest.mark.parametrize("explicit", [False, True])
def test_entries_that_lead_out_are_read_and_their_outputs_stay_inside(tmp_path: Path, explicit: bool) -> None:
    entries = write_hostile_places(tmp_path)
    path, out = write_listing(tmp_path / "data/dataset.json", entries, explicit), tmp_path / "out"
    before = tree(tmp_path, but=out)
    names = run_on_all_but_one(path, out, pictures=False)
    assert tree(tmp_path, but=out) == before
    assert len(names) == len(set(names)) == 5  # of fourteen entries; two hold what another one holds
    if not explicit:
        assert not any(name.startswith(("/", "..")) or str(tmp_path) in name for name in names)


def test_names_that_files_should_not_have_become_outputs_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_hostile_names(tmp_path / "data")
    path, out = tmp_path / "data/dataset.json", tmp_path / "out"
    write_listing(path, [(f"imagesTr/{file}", f"labelsTr/{file}") for file in files])
    before = tree(tmp_path, but=out)
    assert len(run_on_all_but_one(path, out, pictures=True)) == len(NAMES) - 1
    assert tree(tmp_path, but=out) == before
    shown = capsys.readouterr()
    assert not {letter for letter in shown.err + shown.out if not letter.isprintable()} - {"\n", "\t"}


def test_predictions_of_any_name_stay_inside_and_lie_where_their_scans_lie(
    tmp_path: Path, segmentation_folder: Path
) -> None:
    files = write_hostile_names(tmp_path / "data")
    out, scans = tmp_path / "out", tmp_path / "data/imagesTr"
    before = tree(tmp_path, but=out)
    made = predict(segmentation_folder, scans, out)
    assert tree(tmp_path, but=out) == before
    # Hidden files, and names with control characters, are left out with a reason.
    visible = [file for file in files if not file.startswith(".") and not any(letter < " " for letter in file)]
    assert sorted(made.files) == sorted(visible)
    assert len({name.casefold() for name in made.files.values()}) == len(visible)
    size = sitk.ReadImage(str(scans / "plain.nii.gz")).GetSize()
    for name in made.files.values():
        assert sitk.ReadImage(str(out / name)).GetSize() == size
