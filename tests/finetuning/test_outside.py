"""Whatever a data set lists and whatever its files are called, nothing outside the output folder is written."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from tests.helpers.hostile import NAMES, tree, write_hostile_names, write_hostile_places, write_listing
from tests.helpers.labelled import SMALL

ONE_STEP: dict[str, Any] = {**SMALL, "steps": 1, "output_layer": "new", "folds": 2, "pictures": True, "overlap": 0.0}


def results(out: Path) -> list[str]:
    """The cases in results.csv."""
    with (out / "results.csv").open(newline="") as file:
        return [row[0] for row in list(csv.reader(file))[1:]]


def finetuned_on_both_folds(path: Path, out: Path) -> list[str]:
    """Tests every case once and returns the names of the cases; the outputs lie in ``out``."""
    names = []
    for fold in (0, 1):
        run = finetune(data=path, out=out / f"fold_{fold}", store=str(out / "store"), fold=fold, **ONE_STEP)
        split = json.loads((run.folder / "split.json").read_text())
        predictions = list((run.folder / "predictions").rglob("*.nii.gz"))
        assert len(predictions) == len(split["test"]) == len(results(run.folder))
        names += split["test"]
    return names


@pytest.mark.parametrize("explicit", [False, True])
def test_entries_that_lead_out_are_read_and_their_outputs_stay_inside(tmp_path: Path, explicit: bool) -> None:
    entries = write_hostile_places(tmp_path)
    path, out = write_listing(tmp_path / "data/dataset.json", entries, explicit), tmp_path / "out"
    before = tree(tmp_path, but=out)
    names = finetuned_on_both_folds(path, out)
    assert tree(tmp_path, but=out) == before
    assert len(names) == len(set(names)) == (9 if explicit else 8)
    if not explicit:
        assert not any(name.startswith(("/", "..")) or str(tmp_path) in name for name in names)


def test_names_that_files_should_not_have_become_outputs_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_hostile_names(tmp_path / "data")
    path, out = tmp_path / "data/dataset.json", tmp_path / "out"
    write_listing(path, [(f"imagesTr/{file}", f"labelsTr/{file}") for file in files])
    before = tree(tmp_path, but=out)
    assert len(finetuned_on_both_folds(path, out)) == len(NAMES)
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
    visible = [file for file in files if not file.startswith(".")]
    assert sorted(made.files) == sorted(visible)
    assert len({name.casefold() for name in made.files.values()}) == len(visible)
    size = sitk.ReadImage(str(scans / "plain.nii.gz")).GetSize()
    for name in made.files.values():
        assert sitk.ReadImage(str(out / name)).GetSize() == size
