"""Distortions: hidden voxels are hidden, turns and orders are recorded, and nothing else changes."""

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.views.dataset import ValidationViews
from orienteer.views.distort import HIDDEN, NOTHING, Distortion, distort
from orienteer.views.policy import ViewPolicy
from orienteer.views.rearrange import UNTOUCHED, fitting_turns, turned
from tests.helpers.fake_views import fake_store

SIZE = (8, 12, 8)


def images(views=3, size=SIZE, seed=0):
    return torch.rand(views, 1, *size, generator=torch.Generator().manual_seed(seed)) + 0.5


def run(distortion, seed=0, **kwargs):
    return distort(np.random.default_rng(seed), images(**kwargs), distortion)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_share_that_was_asked_for_is_hidden_in_whole_blocks(share):
    seen, distorted = run(Distortion(mask_share=share, mask_block_vox=4))
    assert (seen[distorted.hidden] == HIDDEN).all()
    assert torch.equal(seen[~distorted.hidden], distorted.clean[~distorted.hidden])
    assert torch.equal(distorted.clean, images())
    for view in distorted.hidden[:, 0]:
        blocks = view.reshape(2, 4, 3, 4, 2, 4).float().mean(dim=(1, 3, 5))
        assert set(blocks.unique().tolist()) <= {0.0, 1.0}
        assert blocks.sum() == round(share * 12)


def test_views_are_hidden_each_on_its_own():
    _, distorted = run(Distortion(mask_share=0.5, mask_block_vox=2))
    assert not torch.equal(distorted.hidden[0], distorted.hidden[1])


def test_edges_that_blocks_do_not_divide_are_covered():
    _, distorted = run(Distortion(mask_share=0.5, mask_block_vox=5), size=(8, 9, 7))
    assert 0.2 < distorted.hidden.float().mean() < 0.8


def test_only_turns_that_keep_the_size_are_drawn():
    fits = fitting_turns(SIZE)
    drawn = set()
    for seed in range(40):
        seen, distorted = run(Distortion(turn=True), seed=seed)
        assert seen.shape == distorted.clean.shape
        for view, clean, turn in zip(seen, distorted.clean, distorted.turn.tolist(), strict=True):
            assert torch.equal(view, turned(clean, turn))
            drawn.add(turn)
    assert drawn == set(fits)


def test_with_both_every_second_view_is_turned_and_the_others_are_reordered():
    _, distorted = run(Distortion(turn=True, reorder=True), views=4)
    assert (distorted.turn[1::2] == UNTOUCHED).all()
    assert (distorted.order[::2] == UNTOUCHED).all()
    assert (distorted.turn[::2] >= 0).all()
    assert (distorted.order[1::2] >= 0).all()


def test_validation_hides_the_same_every_time():
    policy = ViewPolicy(views=2, view_size=(8, 8, 8))
    first, second = (ValidationViews(fake_store(), ["key000"], policy, 2, Distortion(mask_share=0.5)) for _ in range(2))
    assert torch.equal(first[1].distorted.hidden, second[1].distorted.hidden)
    assert not torch.equal(first[0].distorted.hidden, first[1].distorted.hidden)


def test_bad_settings_say_what_to_do():
    with pytest.raises(InputError, match="mask_share"):
        Distortion(mask_share=1.0)
    with pytest.raises(InputError, match="mask_block_vox"):
        Distortion(mask_block_vox=0)
    with pytest.raises(InputError, match="distortion: wanted one of .*mask_share.*got masks"):
        NOTHING.changed({"masks": 1})


@pytest.mark.parametrize(
    ("views", "fraction", "masked"), [(4, 0.5, [1, 3]), (4, 1.0, [0, 1, 2, 3]), (3, 0.0, []), (3, 0.34, [2])]
)
def test_a_fraction_of_the_views_is_masked_and_the_others_stay_whole(views, fraction, masked):
    images = torch.ones(views, 1, 8, 8, 8)
    seen, distorted = distort(np.random.default_rng(0), images, Distortion(mask_share=0.5, mask_views=fraction))
    for view in range(views):
        assert distorted.hidden[view].float().mean().item() == (0.5 if view in masked else 0.0)
        assert torch.equal(seen[view] == 0, distorted.hidden[view])
