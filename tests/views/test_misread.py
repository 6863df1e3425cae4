"""Misread views are what a scan with a wrong header shows, and their labels say how it is wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.geometry.orientations import IDENTITY, ORIENTATIONS, Orientation
from orienteer.views.augment import Augmentation
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.loader import collate
from orienteer.views.misread import MisreadPolicy
from orienteer.views.misread_cut import OUTSIDE, CoarseReader, CoarseScan, coarse_scan, cut_misread, draw_misread
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import FakeScan, FakeStore, fake_store

PLAIN = Augmentation(enabled=False)
NONE, CENTRE = np.ones(3), np.zeros(3)
POLICY = MisreadPolicy(extent_mm=16.0, every=4, views=5, edge_vox=8)
"""Views of 8 voxels of 2 mm."""


def smooth_scan(shape=(20, 24, 28), spacing=(2.0, 2.0, 2.0)) -> CoarseScan:
    """A value for every place, different along every axis, and of the middle of the range at the centre."""
    grid = np.meshgrid(*(np.linspace(-0.3, 0.3, size) for size in shape), indexing="ij")
    return CoarseScan((grid[0] + 0.5 * grid[1] - 0.25 * grid[2]).astype(np.float32), spacing)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_with_a_right_voxel_size_it_is_the_box_itself_turned(orientation):
    scan = smooth_scan()
    box = scan.voxels[6:14, 8:16, 10:18]
    np.testing.assert_allclose(
        cut_misread(scan, POLICY, orientation, NONE, CENTRE), orientation.of_array(box), atol=1e-6
    )


@pytest.mark.parametrize("orientation", ORIENTATIONS[::7], ids=str)
def test_it_is_what_a_sound_header_shows_of_the_misread_scan(orientation):
    """Turning the scan and stating another voxel size, then cutting, is the same as cutting with the fault."""
    scan, factors = smooth_scan(), np.array([0.8, 1.25, 1.6])
    stated = np.array(orientation.of_lengths(scan.spacing_mm)) * factors
    misread = CoarseScan(np.ascontiguousarray(orientation.of_array(scan.voxels)), tuple(stated.tolist()))
    np.testing.assert_allclose(
        cut_misread(scan, POLICY, orientation, factors, CENTRE),
        cut_misread(misread, POLICY, IDENTITY, NONE, CENTRE),
        atol=1e-5,
    )


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("factor", [0.6, 1.67, 2.0])
def test_a_voxel_stated_too_long_shows_less_of_the_body(axis, factor):
    factors = np.where(np.arange(3) == axis, factor, 1.0)
    scan = smooth_scan((40, 40, 40))
    right, wrong = (np.moveaxis(cut_misread(scan, POLICY, IDENTITY, f, CENTRE), axis, 0) for f in (NONE, factors))
    np.testing.assert_allclose(np.ptp(wrong[:, 4, 4]), np.ptp(right[:, 4, 4]) / factor, rtol=0.02)


def test_factors_belong_to_the_axes_as_stated():
    """Swapped axes, and voxels twice too long along the first stated axis, which is the body's second."""
    scan, swapped = smooth_scan((40, 40, 40)), Orientation((1, 0, 2), (1, -1, 1))
    misread = cut_misread(scan, POLICY, swapped, np.array([2.0, 1.0, 1.0]), CENTRE)
    sound = cut_misread(scan, POLICY, IDENTITY, NONE, CENTRE)
    assert np.diff(misread[:, 4, 4]).mean() == pytest.approx(np.diff(sound[4, :, 4]).mean() / 2, rel=1e-3)
    assert np.diff(misread[4, :, 4]).mean() == pytest.approx(-np.diff(sound[:, 4, 4]).mean(), rel=1e-3)


def test_what_lies_outside_of_the_scan_is_air():
    scan = CoarseScan(np.zeros((4, 20, 20), np.float32), (2.0, 2.0, 2.0))
    misread = cut_misread(scan, POLICY, IDENTITY, NONE, np.array([0.0, 1.0, 0.0]))
    assert (misread[:2] == OUTSIDE).all()
    assert (misread[-2:] == OUTSIDE).all()
    inside = misread[2:6, :, 4]
    assert (inside == 0).mean() == pytest.approx(0.75, abs=0.13)  # a quarter of it reaches out


def test_a_coarse_scan_keeps_its_extent_and_its_means():
    voxels = np.random.default_rng(0).normal(size=(12, 30, 9)).astype(np.float32)
    coarse = coarse_scan(voxels, (1.0, 0.5, 2.0), MisreadPolicy(extent_mm=16.0, edge_vox=8))
    assert coarse.voxels.shape == (6, 7, 9)
    assert coarse.spacing_mm == (2.0, 2.0, 2.0)
    np.testing.assert_allclose(coarse.voxels[0, 0, 0], voxels[:2, :4, 0].mean(), rtol=1e-5)


def test_a_scan_thinner_than_a_block_becomes_one_voxel_thick():
    coarse = coarse_scan(np.zeros((2, 30, 30), np.float32), (0.2, 1.0, 1.0), POLICY)
    assert coarse.voxels.shape[0] == 1
    np.testing.assert_allclose(coarse.spacing_mm, (0.4, 2.0, 2.0))


def training(policy=POLICY, store=None, seed=3) -> TrainingViews:
    store = store or fake_store()
    views = ViewPolicy(views=2, view_size=(8, 8, 8))
    return TrainingViews(store, sorted(store.scans), views, PLAIN, seed, total_samples=400, misread=policy)


def test_every_fourth_set_has_some_and_the_sets_are_those_without():
    views, without = training(), training(policy=None)
    for number in range(8):
        sample = views[number]
        assert (sample.misread is not None) == (number % 4 == 0)
        assert torch.equal(sample.images, without[number].images)
        assert torch.equal(sample.centres_mm, without[number].centres_mm)
        assert without[number].misread is None


def test_they_depend_on_seed_and_number_alone():
    one, other = training()[4].misread, training()[4].misread
    assert torch.equal(one.images, other.images)
    assert not torch.equal(one.images, training(seed=4)[4].misread.images)


def test_all_orientations_and_the_whole_range_of_factors_are_drawn():
    drawn = draw_misread(np.random.default_rng(0), smooth_scan(), replace(POLICY, views=800))
    assert set(drawn.misreading.orientation.tolist()) == set(range(48))
    logs = drawn.misreading.log_factor
    assert logs.abs().max() <= np.log(2) + 1e-6
    assert (logs.amin(0) < -0.6).all()
    assert (logs.amax(0) > 0.6).all()
    assert (logs == 0).all(1).float().mean() == pytest.approx(0.5, abs=0.06)


def test_a_label_is_what_was_cut():
    """Drawn at the centre without changes of intensity, the view can be cut again from its labels."""
    scan = CoarseScan(
        smooth_scan().voxels[7:12, 9:14, 11:16], (2.0, 2.0, 2.0)
    )  # so small that no place is left to choose
    drawn = draw_misread(np.random.default_rng(1), scan, replace(POLICY, views=12, extent_mm=80.0))
    for image, number, logs in zip(drawn.images, *vars(drawn.misreading).values(), strict=True):
        policy = replace(POLICY, extent_mm=80.0)
        again = cut_misread(scan, policy, ORIENTATIONS[number], np.exp(logs.double().numpy()), CENTRE)
        np.testing.assert_allclose(image[0].numpy(), again, atol=1e-5)


def test_a_batch_keeps_misread_views_apart():
    batch = collate([training()[number] for number in range(4, 12)], batch=None)
    assert batch.images.shape == (8, 2, 1, 8, 8, 8)
    assert batch.misread.images.shape == (2, 5, 1, 8, 8, 8)
    assert batch.misread.misreading.log_factor.shape == (2, 5, 3)
    assert batch.misread.spacing_mm == (2.0, 2.0, 2.0)
    assert batch.misread.scans == (batch.scans[0], batch.scans[4])
    moved = batch.to("meta")
    assert moved.misread.images.device.type == moved.misread.misreading.orientation.device.type == "meta"
    assert batch.renumbered(torch.tensor([1, 0])).misread is batch.misread


def test_every_set_for_validation_has_some_and_they_stay_the_same():
    store, policy = fake_store(), ViewPolicy(views=2, view_size=(8, 8, 8))
    views = ValidationViews(store, sorted(store.scans), policy, 2, misread=POLICY)
    assert torch.equal(views[3].misread.images, views[3].misread.images)
    assert all(views[number].misread is not None for number in range(len(views)))


def test_a_scan_is_read_once():
    store = FakeStore({"a": FakeScan("a", (40, 40, 40))})
    reader = CoarseReader(store, POLICY)
    assert reader.read("a") is reader.read("a")


def test_each_process_gets_misread_views_in_every_step():
    for sets in range(1, 13):
        every = POLICY.shared_by(sets).every
        assert sets % every == 0
        assert every >= min(4, sets)


@pytest.mark.parametrize(("field", "value"), [("every", 0), ("views", 0), ("largest_factor", 0.5)])
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field}: wanted"):
        replace(POLICY, **{field: value})
