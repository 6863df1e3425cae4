"""A fine-tuning or a prediction that is killed at any rename ends, given again, as if nothing had happened."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.predict import predict
from tests.helpers.classified import QUICK
from tests.helpers.killed import contents, run_killed
from tests.helpers.labelled import SMALL
from tests.helpers.saved_models import write_scan

TIMED = ("summary.json", "metrics.jsonl", "config.yaml", "last.ckpt")
"""Files that hold times or paths; their contents are compared apart."""

STEPS: dict[str, Any] = {**SMALL, "steps": 2, "save_every": 1, "output_layer": "new"}


def same_outcome(folder: Path, reference: Path) -> None:
    """Asserts that two fine-tunings came to the same, to the last bit."""
    assert contents(folder, TIMED) == contents(reference, TIMED)
    begun, other_begun = (yaml.safe_load((path / "config.yaml").read_text()) for path in (folder, reference))
    assert {**begun, "out": ""} == {**other_begun, "out": ""}
    for name in ("test", "counts", "steps"):
        first, other = (json.loads((path / "summary.json").read_text())[name] for path in (folder, reference))
        assert first == other


@pytest.fixture(scope="module")
def undisturbed(labelled_data: Path, labelled_store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    return finetune(data=labelled_data, out=out, store=labelled_store, **STEPS).folder


@pytest.mark.parametrize(
    ("rename", "after"), [(1, False), (2, True), (3, False), (3, True), (5, True), (7, False), (9, True)]
)
def test_a_segmentation_that_is_killed_at_a_rename(
    undisturbed: Path, labelled_data: Path, labelled_store: str, tmp_path: Path, monkeypatch, rename: int, after: bool
) -> None:
    out = tmp_path / "run"

    def command(**more: Any) -> None:
        finetune(data=labelled_data, out=out, store=labelled_store, **STEPS, **more)

    assert run_killed(monkeypatch, command, out, rename, after)
    command(resume=(out / "config.yaml").is_file())
    same_outcome(out, undisturbed)


@pytest.mark.parametrize(("rename", "after"), [(3, True), (6, True)])
def test_a_classification_that_is_killed_at_a_rename(
    finished, parity: Path, torsos: Path, store: Path, classified, tmp_path: Path, monkeypatch, rename: int, after: bool
) -> None:
    out = tmp_path / "run"
    settings = {**QUICK, "images": str(torsos), "store": str(store), "pictures": True}

    def command(**more: Any) -> None:
        finetune(finished.folder, parity, out, **settings, **more)

    assert run_killed(monkeypatch, command, out, rename, after)
    command(resume=(out / "config.yaml").is_file())
    same_outcome(out, classified.folder)


@pytest.fixture(scope="module")
def predicted(segmentation_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans, and their label maps of a prediction that nothing disturbed."""
    folder = tmp_path_factory.mktemp("predicted")
    for name in ("a.nii.gz", "b.nii.gz"):
        write_scan(folder / "scans", name)
    predict(segmentation_folder, folder / "scans", folder / "reference")
    return folder


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("rename", [1, 2, 3, 4, 6])
def test_a_prediction_that_is_killed_at_a_rename(
    segmentation_folder: Path, predicted: Path, tmp_path: Path, monkeypatch, rename: int, after: bool
) -> None:
    out = tmp_path / "out"

    def command() -> None:
        predict(segmentation_folder, predicted / "scans", out)

    assert run_killed(monkeypatch, command, out, rename, after)
    command()
    assert contents(out, ()) == contents(predicted / "reference", ())
