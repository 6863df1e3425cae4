"""Views from a real store: file -> preparation -> store -> dataset, with places and voxels that agree."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from torch.utils.data import DataLoader

from orienteer.errors import ScanError
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store
from orienteer.views.augment import Augmentation
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.loader import GlobalBatches, collate
from orienteer.views.policy import ViewPolicy
from orienteer.views.sample import can_hold

POLICY = ViewPolicy(views=3, view_size=(12, 9, 16))
HU_PER_MM = np.array([4.0, 3.0, -2.0])  # along right, front, head


def write_ramp(path: Path, size: tuple[int, int, int], origin_lps: tuple[float, float, float]) -> None:
    """Writes a CT whose HU are a linear function of the place in the body, so that a mean tells a centre."""
    spacing = (1.5, 1.8, 2.2)
    i, j, k = np.meshgrid(*(np.arange(n) for n in size), indexing="ij")
    lps = [o + s * index for o, s, index in zip(origin_lps, spacing, (i, j, k), strict=True)]
    hu = HU_PER_MM[0] * -lps[0] + HU_PER_MM[1] * -lps[1] + HU_PER_MM[2] * lps[2]
    image = sitk.GetImageFromArray(np.ascontiguousarray(hu.transpose(2, 1, 0)).astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin(origin_lps)
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> tuple[Path, tuple[str, ...]]:
    folder = tmp_path_factory.mktemp("scans")
    for index in range(3):
        write_ramp(folder / f"ramp{index}.mha", (40 + 3 * index, 36, 30), (-20.0 - index, -35.0, 10.0))
    report = prepare_folder(
        folder,
        folder / "store",
        selection=Selection(modality="CT"),
        preparation=Preparation(spacing_mm=(2.0, 2.0, 2.0)),
        workers=0,
        progress=False,
    )
    assert len(report.keys) == 3
    return folder / "store", report.keys


def training(folder: Path, keys: tuple[str, ...]) -> TrainingViews:
    return TrainingViews(Store.open(folder), keys, POLICY, Augmentation(), seed=3, total_samples=12)


def test_the_voxels_of_a_view_lie_around_its_centre(prepared):
    folder, keys = prepared
    views = ValidationViews(Store.open(folder), keys, POLICY, sets_per_scan=4)
    for number in range(len(views)):
        sample = views[number]
        mean_hu = 1000 * sample.images.flatten(1).mean(1).numpy()
        np.testing.assert_allclose(mean_hu, sample.centres_mm.numpy() @ HU_PER_MM, atol=1.0)


@pytest.mark.parametrize(("context", "workers"), [("fork", 2), ("spawn", 1)])
def test_workers_open_the_store_for_themselves_and_change_nothing(prepared, context, workers):
    views = training(*prepared)
    sampler = GlobalBatches(steps=3, batch=4)
    load = partial(DataLoader, views, batch_sampler=sampler, collate_fn=partial(collate, batch=4))
    alone = list(load())  # the parent has files open by now, which a worker must not use
    for one, other in zip(alone, load(num_workers=workers, multiprocessing_context=context), strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.centres_mm, other.centres_mm)
        assert (one.scans, one.draw) == (other.scans, other.draw)


def test_a_stored_body_map_says_whether_a_view_fits(prepared):
    folder, keys = prepared
    store = Store.open(folder)
    scan = store.scan(keys[0])
    assert can_hold(scan.shape_vox, store.body(keys[0]), (12, 9, 16), 0.3) is None
    assert "smaller than a view on axis 1" in str(can_hold(scan.shape_vox, store.body(keys[0]), (12, 64, 16), 0.3))


def test_an_array_that_vanished_names_its_scan(prepared):
    folder, keys = prepared
    store = Store.open(folder)
    name = store.scan(keys[0]).name
    (array,) = folder.glob(f"arrays/*/{keys[0]}.b2nd")
    hidden = array.with_suffix(".hidden")
    array.rename(hidden)
    try:
        with pytest.raises(ScanError, match=re.escape(name)):
            ValidationViews(store, keys[:1], POLICY)[0]
    finally:
        hidden.rename(array)
