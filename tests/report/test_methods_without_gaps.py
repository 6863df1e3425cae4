"""Runs of methods that predict no positions: report and explorer say so, and show the rest."""

from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.explorer.explorer import Explorer
from orienteer.explorer.open_scan import open_scan
from orienteer.pretraining.pretrain import pretrain
from orienteer.report.observe import observe
from orienteer.runs.loaded import load_run
from orienteer.runs.run import Run
from tests.helpers.html import Page
from tests.helpers.small_run import SMALL


@pytest.fixture(scope="module")
def run(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a method that restores hidden voxels and predicts no gaps."""
    settings = {
        **SMALL,
        "encoder_arguments": {**SMALL["encoder_arguments"], "decoder": True},
        "steps": 2,
        "method": "reconstruction",
    }
    folder = tmp_path_factory.mktemp("runs") / "restores"
    return pretrain(torsos, folder, store=str(store), **settings)


def test_the_report_says_that_no_positions_were_learned(run: Run, tmp_path: Path) -> None:
    observation = observe(run.folder, out=tmp_path, sets=2, own_scans=2, drawn=1, prepare_workers=0, device="cpu")
    text = Page(observation.report.read_text()).text
    assert "No task of this run's method predicts how far apart views are" in text
    assert "parts of the views were hidden or rearranged" in text
    assert "What this run learned has no metric on whole scans" in text
    assert "Next: train on labels with orienteer finetune RUN" in text
    assert all(scan.measurement.error_mm is None and scan.verdict is None for scan in observation.findings.scans)
    assert observation.findings.scans[0].pictures


def test_the_explorer_shows_likeness_and_refuses_gaps(run: Run, torsos: Path) -> None:
    loaded = load_run(run.folder, device="cpu")
    paths = sorted(torsos.glob("*.nii.gz"))[:2]
    explorer = Explorer(loaded, *(open_scan(path, loaded) for path in paths))
    explorer.prepare(shown=False)
    low, high = explorer.first.bounds_mm
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    with pytest.raises(InputError, match="a task that predicts gaps.*only reconstruction"):
        explorer.gaps([middle, [value + 8 for value in middle]])
    heat = explorer.heat(middle)
    assert heat.source == "encoder"
    assert np.nanmax(heat.cosine) <= 1
    same = explorer.same_place(middle)
    assert np.isfinite(same.place_mm).all()
