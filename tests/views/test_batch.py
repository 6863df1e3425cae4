"""ViewBatch: every tensor moves together, and the original views stay at hand."""

import torch

from orienteer.views.augment import Augmentation
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.distort import HIDDEN, Distortion
from orienteer.views.loader import collate
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import fake_store
from tests.helpers.synthetic import SIZE, make_views


def test_sizes_are_read_from_the_images():
    views = make_views(batch=2, views=3)
    assert (views.batch, views.views, views.size_vox) == (2, 3, SIZE)


def test_renumbering_by_a_permutation_and_its_inverse_is_the_identity():
    views, order = make_views(views=4), torch.tensor([2, 0, 3, 1])
    back = views.renumbered(order).renumbered(order.argsort())
    for name in ("images", "centres_mm", "clean"):
        assert torch.equal(getattr(back, name), getattr(views, name))
    assert torch.equal(views.renumbered(order).centres_mm[:, 0], views.centres_mm[:, 2])


def test_shifting_moves_the_centres_and_nothing_else():
    views, offset = make_views(), torch.tensor([1.0, -2.0, 3.0])
    moved = views.shifted(offset)
    assert isinstance(moved, ViewBatch)
    torch.testing.assert_close(moved.centres_mm - views.centres_mm, offset.expand(2, 3, 3), atol=1e-4, rtol=0)
    assert moved.images is views.images


def test_batches_carry_what_was_done_and_move_as_one():
    policy = ViewPolicy(views=3, view_size=(8, 8, 8))
    views = TrainingViews(fake_store(), ["key000", "key001"], policy, Augmentation(), 0, 4, Distortion(mask_share=0.5))
    batch = collate([views[0], views[1]], batch=2)
    assert batch.distorted is not None
    assert batch.distorted.hidden.shape == batch.images.shape == batch.clean.shape
    assert (batch.images[batch.distorted.hidden] == HIDDEN).all()
    order = torch.tensor([2, 0, 1])
    moved = batch.renumbered(order)
    assert torch.equal(moved.distorted.hidden, batch.distorted.hidden[:, order])
    assert torch.equal(moved.clean, batch.clean[:, order])
    assert batch.to("meta").distorted.turn.device.type == "meta"


def test_without_a_distortion_the_batch_is_as_it_was():
    policy = ViewPolicy(views=3, view_size=(8, 8, 8))
    views = ValidationViews(fake_store(), ["key000"], policy)
    batch = collate([views[0]])
    assert batch.distorted is None
    assert batch.clean is batch.images
