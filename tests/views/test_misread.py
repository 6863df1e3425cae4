"""Misread views are what a scan with a wrong header shows, and their labels say how it is wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.geometry.orientations import IDENTITY, ORIENTATION_NUMBER, ORIENTATIONS, Orientation
from orienteer.views.augment import Augmentation
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.loader import collate
from orienteer.views.misread import MisreadPolicy
from orienteer.views.misread_cut import cut_misread
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import FakeScan, FakeStore, fake_store

PLAIN = Augmentation(enabled=False)
NONE = np.ones(3)
SIZE = (8, 8, 8)


def even_store(shape=(24, 28, 32), spacing=(2.0, 2.0, 2.0)) -> FakeStore:
    return FakeStore({"a": FakeScan("a", shape, spacing, (0.0, 0.0, 0.0))})


def centre_of(start, size, spacing):
    return (np.array(start) + (np.array(size) - 1) / 2) * np.array(spacing)


@pytest.mark.parametrize("orientation", ORIENTATIONS[::5], ids=str)
def test_with_a_right_voxel_size_it_is_the_view_itself_turned(orientation):
    store = even_store()
    misread = cut_misread(store, "a", centre_of((9, 8, 12), SIZE, (2.0,) * 3), SIZE, orientation, NONE)
    np.testing.assert_array_equal(misread, orientation.of_array(store.read("a", (9, 8, 12), SIZE)))


def test_views_that_are_no_cubes_and_uneven_voxels_are_turned_too():
    """The view has the size of any view; what lies along its axes is another axis of the body."""
    store, size = even_store(spacing=(1.0, 2.0, 2.0)), (6, 8, 8)
    swapped = Orientation((1, 0, 2))
    misread = cut_misread(store, "a", np.array([12.0, 28.0, 30.0]), size, swapped, NONE)
    assert misread.shape == size
    steps = np.diff(misread, axis=1)[0, :, 0] * 1e6 / 10_000  # voxels of the body's axis 0 per voxel of axis 1
    np.testing.assert_allclose(steps, 2.0, rtol=1e-3)
    steps = np.diff(misread, axis=0)[:, 0, 0] * 1e6 / 100
    np.testing.assert_allclose(steps, 0.5, rtol=1e-2)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("factor", [0.5, 1.6, 2.0])
def test_a_voxel_stated_too_long_shows_less_of_the_body(axis, factor):
    factors = NONE.copy()
    factors[axis] = factor
    store, centre = even_store((40, 40, 40)), np.array([39.0, 39.0, 39.0])
    misread = cut_misread(store, "a", centre, SIZE, IDENTITY, factors)
    seen = np.moveaxis(misread, axis, 0)[:, 0, 0].astype(np.float64) * 1e6 / (10_000, 100, 1)[axis]
    np.testing.assert_allclose(np.diff(seen), 1 / factor, rtol=0.1)  # the store's values are rounded to 0.03 voxels


def test_factors_belong_to_the_axes_as_stated():
    """Swapped axes and voxels twice too long along the first stated axis: half the extent along the body's second."""
    store = even_store((40, 40, 40))
    swapped = Orientation((1, 0, 2), (1, -1, 1))
    misread = cut_misread(store, "a", np.full(3, 39.0), SIZE, swapped, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_allclose(np.diff(misread[:, 0, 0]) * 1e6 / 100, 0.5, rtol=1e-2)
    np.testing.assert_allclose(np.diff(misread[0, :, 0]) * 1e6 / 10_000, -1.0, rtol=1e-3)


EVERY_FOURTH = MisreadPolicy(every=4)


def training(policy=EVERY_FOURTH, store=None, seed=3) -> TrainingViews:
    store = store or fake_store()
    views = ViewPolicy(views=2, view_size=SIZE)
    return TrainingViews(store, sorted(store.scans), views, PLAIN, seed, total_samples=400, misread=policy)


def test_every_fourth_set_has_one_and_the_sets_are_those_without():
    views, without = training(), training(policy=None)
    for number in range(8):
        sample = views[number]
        assert (sample.misread is not None) == (number % 4 == 0)
        assert torch.equal(sample.images, without[number].images)
        assert torch.equal(sample.centres_mm, without[number].centres_mm)
        assert without[number].misread is None


def test_a_label_is_what_was_cut():
    """The misread view can be cut again from its labels, at the centre of one of the views."""
    store = fake_store()
    for number in range(0, 80, 4):
        sample = training(store=store)[number]
        misread = sample.misread
        again = [
            cut_misread(
                store,
                sample.scan,
                centre.double().numpy(),
                SIZE,
                ORIENTATIONS[misread.orientation],
                np.exp(misread.log_factor.double().numpy()),
            )
            for centre in sample.centres_mm
        ]
        assert min(np.abs(image - misread.image[0, 0].numpy()).max() for image in again) < 1e-4


def test_all_orientations_and_the_whole_range_of_factors_are_drawn():
    store = FakeStore({"a": FakeScan("a", (40, 40, 40))})
    drawn = [training(MisreadPolicy(every=1), store)[number].misread for number in range(400)]
    assert len({view.orientation for view in drawn}) == 48
    logs = torch.stack([view.log_factor for view in drawn])
    assert logs.abs().max() <= np.log(2) + 1e-6
    assert (logs.amin(0) < -0.6).all()
    assert (logs.amax(0) > 0.6).all()
    assert 0.25 < (logs == 0).all(1).float().mean() < 0.42


def test_no_box_reaches_out_of_the_scan():
    """A scan that holds no larger box gives no factor below 1 along that axis."""
    store = FakeStore({"a": FakeScan("a", (8, 40, 40), (2.0, 2.0, 2.0))})
    for number in range(0, 200, 4):
        view = training(store=store)[number].misread
        along = ORIENTATIONS[view.orientation].axes.index(0)  # the stated axis along which the body's axis 0 lies
        assert view.log_factor[along] >= -1e-6


def test_a_batch_keeps_misread_views_apart():
    batch = collate([training()[number] for number in range(4, 12)], batch=None)
    assert batch.images.shape == (8, 2, 1, *SIZE)
    assert batch.misread.images.shape == (2, 1, 1, *SIZE)
    assert batch.misread.misreading.log_factor.shape == (2, 1, 3)
    assert batch.misread.scans == (batch.scans[0], batch.scans[4])
    moved = batch.to("meta")
    assert moved.misread.images.device.type == moved.misread.misreading.orientation.device.type == "meta"
    assert batch.renumbered(torch.tensor([1, 0])).misread is batch.misread


def test_every_set_for_validation_has_one_and_it_stays_the_same():
    store, policy = fake_store(), ViewPolicy(views=2, view_size=SIZE)
    views = ValidationViews(store, sorted(store.scans), policy, 2, misread=MisreadPolicy())
    first, again = views[3].misread, views[3].misread
    assert torch.equal(first.image, again.image)
    assert first.orientation == again.orientation
    assert all(views[number].misread is not None for number in range(len(views)))


def test_each_process_gets_misread_views_in_every_step():
    for sets in range(1, 13):
        every = MisreadPolicy(every=4).shared_by(sets).every
        assert sets % every == 0
        assert every >= min(4, sets)


@pytest.mark.parametrize(("field", "value"), [("every", 0), ("largest_factor", 0.5)])
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field}: wanted"):
        replace(MisreadPolicy(), **{field: value})


def test_the_identity_has_number_0():
    assert ORIENTATION_NUMBER[IDENTITY] == 0
