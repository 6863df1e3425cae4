"""Training views of a step: boxes of the scan, a function of the seed and the step alone, every scan in turn."""

import numpy as np
import pytest
import torch

from orienteer.finetuning.classification.views import VIEWS, ScanViews
from orienteer.labelled.labelled_scans import LabelledScan
from orienteer.scans.source import NIFTI, ScanSource
from orienteer.store.store import Store
from tests.helpers.ramps import ramp_store

SIZE = (6, 8, 6)


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    store, key, _ = ramp_store(tmp_path_factory.mktemp("ramp"), (16, 18, 14))
    return store, key


def views_of(ramp: tuple[Store, str], scans: int = 3, batch: int = 2, seed: int = 0) -> ScanViews:
    store, key = ramp
    members = [
        LabelledScan(f"scan_{number}", key, number % 2, ScanSource(f"scan_{number}", NIFTI, ()))
        for number in range(scans)
    ]
    return ScanViews(store, members, SIZE, batch, seed)


def test_a_step_has_the_same_views_whatever_came_before(ramp: tuple[Store, str]) -> None:
    views = views_of(ramp)
    first = views[5]
    views[2]
    again = views_of(ramp)[5]
    assert first.images.shape == (2, VIEWS, 1, *SIZE)
    assert torch.equal(first.images, again.images)
    assert (first.names, first.labels.tolist()) == (again.names, again.labels.tolist())
    assert not torch.equal(first.images, views_of(ramp, seed=1)[5].images)
    assert not torch.equal(first.images, views[6].images)


def test_every_scan_comes_once_before_any_comes_again_with_its_label(ramp: tuple[Store, str]) -> None:
    views = views_of(ramp, scans=3, batch=1)
    batches = [views[step] for step in range(6)]
    names = [batch.names[0] for batch in batches]
    assert sorted(names[:3]) == sorted(names[3:]) == ["scan_0", "scan_1", "scan_2"]
    assert all(int(batch.labels[0]) == int(batch.names[0][-1]) % 2 for batch in batches)


def test_views_are_not_mirrored(ramp: tuple[Store, str]) -> None:
    """The scan grows along every axis, and so do its views, whatever happens to their intensities."""
    views = views_of(ramp)
    for step in range(8):
        for view in views[step].images.flatten(0, 2).numpy():
            for axis in range(3):
                profile = view.mean(axis=tuple(other for other in range(3) if other != axis))
                assert np.corrcoef(profile, np.arange(len(profile)))[0, 1] > 0.9
