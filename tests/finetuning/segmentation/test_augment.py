"""Augmentation moves image and labels together, in mm, and mirrors along the chosen axes alone."""

import numpy as np
import pytest
import torch

from orienteer.finetuning.segmentation.augment import PatchChanges, apply_changes, draw_changes
from orienteer.finetuning.segmentation.patches import LOWEST, PatchBatch, Patches
from orienteer.labelled.case_reader import CaseReader
from orienteer.views.augment import Augmentation, draw_parameters
from tests.helpers.labelled import SHAPE

ISOTROPIC = (1.0, 1.0, 1.0)


def unchanged(moves: np.ndarray) -> PatchChanges:
    return PatchChanges(moves, draw_parameters(np.random.default_rng(0), len(moves), Augmentation(enabled=False)))


def ramp_batch(size=(10, 14, 8)) -> PatchBatch:
    """Returns a patch whose image is each voxel's position along axis 0, and whose labels are those along axis 1."""
    place = torch.meshgrid(*(torch.arange(edge) for edge in size), indexing="ij")
    return PatchBatch(place[0].float()[None, None] / 100, place[1].to(torch.uint8)[None, None], ("a",))


def test_nothing_drawn_changes_nothing():
    batch = ramp_batch()
    after = apply_changes(batch, unchanged(np.eye(3)[None]), ISOTROPIC)
    assert torch.equal(after.images, batch.images)
    assert torch.equal(after.labels, batch.labels)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirroring_turns_image_and_labels_round_along_one_axis(axis):
    batch, signs = ramp_batch(), np.ones(3)
    signs[axis] = -1
    after = apply_changes(batch, unchanged(np.diag(signs)[None]), ISOTROPIC)
    torch.testing.assert_close(after.images, batch.images.flip(axis + 2), rtol=0, atol=1e-4)
    assert torch.equal(after.labels, batch.labels.flip(axis + 2))


def test_a_rotation_by_90_degrees_is_one_in_mm_and_not_in_voxels():
    """Voxels of 1 x 2 mm: what lies 4 voxels along axis 1 comes from 8 voxels along axis 0."""
    size = (33, 17, 5)
    image = torch.full((1, 1, *size), LOWEST)
    image[0, 0, 16 + 8, 8, 2] = 1.0
    turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # new (x, y) comes from old (y, -x)
    batch = PatchBatch(image, torch.zeros(1, 1, *size, dtype=torch.uint8), ("a",))
    after = apply_changes(batch, unchanged(turn[None]), (1.0, 2.0, 1.0))
    assert np.unravel_index(int(after.images.argmax()), size) == (16, 8 + 4, 2)


def test_image_and_labels_stay_on_each_other(prepared_cases):
    store, members = prepared_cases
    batch = Patches(CaseReader(store), members, SHAPE, batch=3, seed=0)[0]
    changes = draw_changes(np.random.default_rng(5), 3, mirror="all")
    after = apply_changes(batch, unchanged(changes.moves), ISOTROPIC)
    assert not torch.equal(after.labels, batch.labels)
    for image, labels in zip(after.images[:, 0].numpy(), after.labels[:, 0].numpy(), strict=True):
        assert (image[labels == 1] > 0.3).mean() > 0.75


@pytest.mark.parametrize(("mirror", "axes"), [("none", ()), ("left-right", (0,)), ("all", (0, 1, 2))])
def test_patches_are_mirrored_along_the_axes_that_were_asked_for_alone(mirror, axes):
    moves = draw_changes(np.random.default_rng(0), 200, mirror).moves  # rotations are too small to change a sign
    for axis in range(3):
        mirrored = (moves[:, axis, axis] < 0).mean()
        assert (0.3 < mirrored < 0.7) if axis in axes else mirrored == 0
