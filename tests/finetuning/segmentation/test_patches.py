"""Patches hold image and labels of one position, and depend on the seed and the step alone."""

import numpy as np
import pytest
import torch

from orienteer.finetuning.segmentation.patches import LOWEST, Patches, cut, draw_start
from orienteer.finetuning.step_batches import step_batches
from orienteer.labelled.case_reader import CaseReader
from tests.helpers.labelled import SHAPE


def bright_where_labelled(image: np.ndarray, labels: np.ndarray) -> bool:
    return bool((image[labels == 1] > 0.5).mean() > 0.9 and (image[labels == 0] < 0.5).mean() > 0.9)


@pytest.mark.parametrize("kept_bytes", [1 << 30, 0], ids=["from memory", "from the disk"])
def test_a_patch_is_a_box_of_its_case(prepared_cases, kept_bytes):
    store, (case, *_) = prepared_cases
    reader = CaseReader(store, kept_bytes)
    image, labels = cut(reader, case, (3, 4, 2), (8, 10, 6))
    whole_image, whole_labels = cut(reader, case, (0, 0, 0), SHAPE)
    box = (slice(3, 11), slice(4, 14), slice(2, 8))
    assert np.array_equal(image, whole_image[box])
    assert np.array_equal(labels, whole_labels[box])
    assert bright_where_labelled(whole_image, whole_labels)


def test_beyond_the_border_it_is_dark_and_background(prepared_cases):
    store, (case, *_) = prepared_cases
    image, labels = cut(CaseReader(store), case, (-3, 0, -2), (24, 20, 20))
    inner, _ = cut(CaseReader(store), case, (0, 0, 0), SHAPE)
    assert np.array_equal(image[3:21, :, 2:18], inner)
    outside = np.ones(image.shape, bool)
    outside[3:21, :, 2:18] = False
    assert (image[outside] == LOWEST).all()
    assert not labels[outside].any()


def test_a_small_case_lies_at_the_centre_of_its_patch_as_in_prediction(prepared_cases):
    store, (case, *_) = prepared_cases
    start = draw_start(np.random.default_rng(0), CaseReader(store), case, (24, 20, 19))
    assert start == (-3, 0, -1)  # MONAI pads 24 - 18 voxels as 3 and 3, and 19 - 16 as 1 and 2


def test_patches_stay_inside_and_half_of_them_hold_a_class_that_is_rare(prepared_cases):
    store, (case, *_) = prepared_cases
    reader, size = CaseReader(store), (6, 6, 6)
    rng = np.random.default_rng(0)
    with_class = 0
    for _ in range(60):
        start = draw_start(rng, reader, case, size)
        assert all(0 <= begin <= edge - length for begin, edge, length in zip(start, SHAPE, size, strict=True))
        with_class += bool(cut(reader, case, start, size)[1].any())
    assert with_class >= 30


def test_a_step_has_the_same_patches_whatever_came_before(prepared_cases):
    store, members = prepared_cases
    patches = Patches(CaseReader(store), members, (8, 8, 8), batch=2, seed=3)
    first = patches[5]
    patches[6]
    again = list(
        step_batches(Patches(CaseReader(store), members, (8, 8, 8), 2, seed=3), range(4, 6), workers=0, seed=3)
    )[1]
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert first.names == again.names
    other = Patches(CaseReader(store), members, (8, 8, 8), 2, seed=4)[5]
    assert not torch.equal(first.images, other.images)


def test_every_case_comes_once_before_any_comes_again(prepared_cases):
    store, members = prepared_cases
    patches = Patches(CaseReader(store), members, (8, 8, 8), batch=1, seed=0)
    names = [patches[step].names[0] for step in range(9)]
    assert all(len(set(names[begin : begin + 3])) == 3 for begin in (0, 3, 6))
