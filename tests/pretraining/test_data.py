"""The scans and batches of a run: shared out among processes, and the same at every call."""

import shutil
from pathlib import Path

import pytest
import torch

from orienteer.errors import InputError
from orienteer.pretraining.data import RunScans, baseline_batches, heldout_loader, open_scans, shown_views
from orienteer.runs.run import Run
from orienteer.runs.run_config import RunConfig, read_config


@pytest.fixture(scope="module")
def config(finished: Run) -> RunConfig:
    return read_config(finished.folder)


@pytest.fixture(scope="module")
def scans(finished: Run, config: RunConfig) -> RunScans:
    return open_scans(finished.folder, config)


def test_two_processes_share_the_held_out_views(scans: RunScans, config: RunConfig) -> None:
    whole = torch.cat([views.centres_mm for views in heldout_loader(scans.store, scans.heldout, config, 0, 1)])
    parts = [
        torch.cat([views.centres_mm for views in heldout_loader(scans.store, scans.heldout, config, rank, 2)])
        for rank in (0, 1)
    ]
    assert len(whole) == config.validation_sets * len(scans.heldout)
    assert torch.equal(whole[0::2], parts[0])
    assert torch.equal(whole[1::2], parts[1])


def test_baselines_are_fitted_to_the_same_views_everywhere(scans: RunScans, config: RunConfig) -> None:
    one, other = (baseline_batches(scans.store, scans.training, config) for _ in range(2))
    assert len(one) == config.steps
    assert all(torch.equal(a.images, b.images) for a, b in zip(one, other, strict=True))


def test_pictures_show_the_first_view_set_of_each_scan(scans: RunScans, config: RunConfig) -> None:
    keys = [*scans.heldout, *scans.training]
    shown = shown_views(scans.store, keys, config, scans=2)
    assert [views.scans for views in shown] == [(key,) for key in keys[:2]]


def test_a_run_whose_store_is_gone_is_refused(finished: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(finished.folder / "split.json", folder)
    with pytest.raises(InputError, match="store"):
        open_scans(folder, replace(read_config(finished.folder), store=str(tmp_path / "gone")))
