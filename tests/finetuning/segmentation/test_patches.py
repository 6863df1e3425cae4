"""Patches hold image and labels of one place, whatever is done to them, and depend on the seed and the step alone."""

import numpy as np
import pytest
import torch

from orienteer.finetuning.segmentation.augment import PatchChanges, apply_changes, draw_changes
from orienteer.finetuning.segmentation.patches import LOWEST, PatchBatch, Patches, cut, draw_start, patch_batches
from orienteer.labelled.case_reader import CaseReader
from orienteer.labelled.cases import prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.scans.store import Store
from orienteer.views.augment import Augmentation, draw_parameters
from tests.helpers.labelled import SHAPE, write_dataset

ISOTROPIC = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patches")
    data = read_dataset(str(write_dataset(folder, cases=3)), None, None)
    preparation = Preparation(ISOTROPIC, crop_to_body=False)
    prepared = prepare_cases(data, folder / "store", preparation, Selection(modality="MR"), workers=0, shown=False)
    return Store.open(folder / "store"), list(prepared.cases.values())


def bright_where_labelled(image: np.ndarray, labels: np.ndarray) -> bool:
    return bool((image[labels == 1] > 0.5).mean() > 0.9 and (image[labels == 0] < 0.5).mean() > 0.9)


def unchanged(moves: np.ndarray) -> PatchChanges:
    return PatchChanges(moves, draw_parameters(np.random.default_rng(0), len(moves), Augmentation(enabled=False)))


@pytest.mark.parametrize("kept_bytes", [1 << 30, 0], ids=["from memory", "from the disk"])
def test_a_patch_is_a_box_of_its_case(cases, kept_bytes):
    store, (case, *_) = cases
    reader = CaseReader(store, kept_bytes)
    image, labels = cut(reader, case, (3, 4, 2), (8, 10, 6))
    whole_image, whole_labels = cut(reader, case, (0, 0, 0), SHAPE)
    box = (slice(3, 11), slice(4, 14), slice(2, 8))
    assert np.array_equal(image, whole_image[box])
    assert np.array_equal(labels, whole_labels[box])
    assert bright_where_labelled(whole_image, whole_labels)


def test_beyond_the_border_it_is_dark_and_background(cases):
    store, (case, *_) = cases
    image, labels = cut(CaseReader(store), case, (-3, 0, -2), (24, 20, 20))
    inner, _ = cut(CaseReader(store), case, (0, 0, 0), SHAPE)
    assert np.array_equal(image[3:21, :, 2:18], inner)
    outside = np.ones(image.shape, bool)
    outside[3:21, :, 2:18] = False
    assert (image[outside] == LOWEST).all()
    assert not labels[outside].any()


def test_a_small_case_lies_in_the_middle_of_its_patch_as_in_prediction(cases):
    store, (case, *_) = cases
    start = draw_start(np.random.default_rng(0), CaseReader(store), case, (24, 20, 19))
    assert start == (-3, 0, -1)  # MONAI pads 24 - 18 voxels as 3 and 3, and 19 - 16 as 1 and 2


def test_patches_stay_inside_and_half_of_them_hold_a_class_that_is_rare(cases):
    store, (case, *_) = cases
    reader, size = CaseReader(store), (6, 6, 6)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(60):
        start = draw_start(rng, reader, case, size)
        assert all(0 <= begin <= edge - length for begin, edge, length in zip(start, SHAPE, size, strict=True))
        found += bool(cut(reader, case, start, size)[1].any())
    assert found >= 30


def test_a_step_has_the_same_patches_whatever_came_before(cases):
    store, found = cases
    patches = Patches(CaseReader(store), found, (8, 8, 8), batch=2, seed=3)
    first = patches[5]
    patches[6]
    again = list(patch_batches(Patches(CaseReader(store), found, (8, 8, 8), 2, seed=3), range(4, 6), workers=0))[1]
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert first.names == again.names
    other = Patches(CaseReader(store), found, (8, 8, 8), 2, seed=4)[5]
    assert not torch.equal(first.images, other.images)


def test_every_case_comes_once_before_any_comes_again(cases):
    store, found = cases
    patches = Patches(CaseReader(store), found, (8, 8, 8), batch=1, seed=0)
    names = [patches[step].names[0] for step in range(9)]
    assert all(len(set(names[begin : begin + 3])) == 3 for begin in (0, 3, 6))


def ramp_batch(size=(10, 14, 8)) -> PatchBatch:
    """The image tells each voxel's place along axis 0; the labels are the places of axis 1."""
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


def test_a_quarter_turn_is_one_in_mm_and_not_in_voxels():
    """Voxels of 1 x 2 mm: what lies 4 voxels along axis 1 comes from 8 voxels along axis 0."""
    size = (33, 17, 5)
    image = torch.full((1, 1, *size), LOWEST)
    image[0, 0, 16 + 8, 8, 2] = 1.0
    turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # new (x, y) comes from old (y, -x)
    batch = PatchBatch(image, torch.zeros(1, 1, *size, dtype=torch.uint8), ("a",))
    after = apply_changes(batch, unchanged(turn[None]), (1.0, 2.0, 1.0))
    assert np.unravel_index(int(after.images.argmax()), size) == (16, 8 + 4, 2)


def test_image_and_labels_stay_on_each_other(cases):
    store, found = cases
    batch = Patches(CaseReader(store), found, SHAPE, batch=3, seed=0)[0]
    changes = draw_changes(np.random.default_rng(5), 3, mirror="all")
    after = apply_changes(batch, unchanged(changes.moves), ISOTROPIC)
    assert not torch.equal(after.labels, batch.labels)
    for image, labels in zip(after.images[:, 0].numpy(), after.labels[:, 0].numpy(), strict=True):
        assert (image[labels == 1] > 0.3).mean() > 0.75


@pytest.mark.parametrize(("mirror", "axes"), [("none", ()), ("left-right", (0,)), ("all", (0, 1, 2))])
def test_patches_are_mirrored_along_the_axes_that_were_asked_for_alone(mirror, axes):
    moves = draw_changes(np.random.default_rng(0), 200, mirror).moves  # turns are too small to change a sign
    for axis in range(3):
        mirrored = (moves[:, axis, axis] < 0).mean()
        assert (0.3 < mirrored < 0.7) if axis in axes else mirrored == 0
