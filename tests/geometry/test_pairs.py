from itertools import product

import pytest
import torch

from orienteer.geometry.frames import multiply_axes
from orienteer.geometry.pairs import FAR, NEAR, distances, gap_matrix, half_size_vox, near_far_centres, pair_index

SHAPES = [
    ((32, 32, 32), (1.0, 1.0, 1.0)),
    ((32, 48, 64), (1.0, 1.0, 1.0)),
    ((31, 17, 45), (1.0, 1.0, 1.0)),
    ((48, 32, 16), (0.7, 1.25, 5.0)),
    ((15, 33, 8), (3.0, 0.5, 2.0)),
]


def centres(batch: int = 3, views: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, views, 3, generator=torch.Generator().manual_seed(seed)) * 80


def test_gap_reads_from_i_to_j():
    places = centres()
    gaps = gap_matrix(places)
    for b, i, j in product(range(3), range(4), range(4)):
        torch.testing.assert_close(gaps[b, i, j], places[b, j] - places[b, i])


def test_gaps_are_antisymmetric_and_add_up():
    gaps = gap_matrix(centres())
    torch.testing.assert_close(gaps, -gaps.transpose(1, 2), atol=0, rtol=0)
    torch.testing.assert_close(gaps[:, 0, 1] + gaps[:, 1, 3], gaps[:, 0, 3], atol=1e-4, rtol=0)


def test_one_view_has_a_gap_to_itself_only():
    assert gap_matrix(torch.rand(2, 1, 3)).tolist() == [[[[0.0, 0.0, 0.0]]]] * 2
    assert [len(index) for index in pair_index(1)] == [0, 0]


def test_an_empty_batch_stays_empty():
    assert gap_matrix(torch.rand(0, 3, 3)).shape == (0, 3, 3, 3)
    assert near_far_centres(torch.rand(0, 3, 3, 3), (8, 8, 8), (1.0, 1.0, 1.0)).shape == (0, 3, 3, 2, 3)


def test_distances_are_lengths_with_a_finite_gradient_at_zero():
    gaps = gap_matrix(centres()).requires_grad_()
    lengths = distances(gaps)
    torch.testing.assert_close(lengths, gaps.square().sum(-1).sqrt())
    lengths.sum().backward()
    assert gaps.grad.isfinite().all()


@pytest.mark.parametrize("views", [2, 3, 5, 8])
def test_pair_index_names_each_pair_once(views):
    i, j = pair_index(views)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(a, b) for a in range(views) for b in range(a + 1, views)]


@pytest.mark.parametrize(("size", "spacing"), SHAPES)
def test_near_and_far_parts_lie_on_the_line_of_centres_in_mm(size, spacing):
    gaps = gap_matrix(centres())
    parts = near_far_centres(gaps, size, spacing)
    middle = (torch.tensor(size) - 1) / 2
    walk_mm = multiply_axes(parts - middle, spacing)
    i, j = pair_index(4)
    direction = gaps[:, i, j] / distances(gaps[:, i, j])[..., None]
    for side, sign in ((NEAR, 1), (FAR, -1)):
        along = walk_mm[:, i, j, side] / distances(walk_mm[:, i, j, side])[..., None]
        torch.testing.assert_close(along, sign * direction, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "spacing"), SHAPES)
def test_parts_stay_inside_their_view_and_touch_its_border(size, spacing):
    parts = near_far_centres(gap_matrix(centres()), size, spacing)
    half = torch.tensor(half_size_vox(size))
    room_low = parts - half / 2 + 0.5
    room_high = torch.tensor(size) - 0.5 - (parts + half / 2)
    room = torch.minimum(room_low, room_high)
    assert (room > -1e-4).all()
    i, j = pair_index(4)
    # As far as possible: some axis has no room left.
    torch.testing.assert_close(room[:, i, j].amin(-1), torch.zeros(3, 6, 2), atol=1e-4, rtol=0)


def test_the_walk_matches_a_naive_search_for_the_furthest_point():
    size, spacing = (20, 31, 12), (1.5, 1.0, 3.0)
    gaps = gap_matrix(centres(1, 2, seed=5))
    got = near_far_centres(gaps, size, spacing)[0, 0, 1, NEAR]
    gap_vox = gaps[0, 0, 1] / torch.tensor(spacing)
    furthest = 0.0
    for step in range(20001):
        t = step / 20000 * 2
        if all(abs(t * gap_vox[a].item()) + size[a] / 4 <= size[a] / 2 for a in range(3)):
            furthest = t
    naive = (torch.tensor(size) - 1) / 2 + furthest * gap_vox
    torch.testing.assert_close(got, naive, atol=0.02, rtol=0)


def test_hand_made_walk_with_unequal_spacing():
    # 16 voxels of 1, 1 and 4 mm: the room is 4 voxels, so 4, 4 and 16 mm. The gap (30, 0, 60) uses up axis 0 first.
    gaps = gap_matrix(torch.tensor([[[0.0, 0.0, 0.0], [30.0, 0.0, 60.0]]]))
    near = near_far_centres(gaps, (16, 16, 16), (1.0, 1.0, 4.0))[0, 0, 1, NEAR]
    torch.testing.assert_close(near, torch.tensor([7.5 + 4, 7.5, 7.5 + 2]))


def test_views_that_coincide_have_both_parts_in_the_middle():
    parts = near_far_centres(torch.zeros(1, 2, 2, 3), (9, 10, 11), (1.0, 2.0, 3.0))
    torch.testing.assert_close(parts, torch.tensor([4.0, 4.5, 5.0]).expand(1, 2, 2, 2, 3))


def test_moving_all_views_together_moves_no_part():
    places = centres()
    parts = [near_far_centres(gap_matrix(p), (32, 48, 31), (1.0, 2.0, 3.0)) for p in (places, places + 37.5)]
    torch.testing.assert_close(parts[0], parts[1], atol=1e-3, rtol=0)


def test_the_length_unit_and_the_distance_do_not_matter_only_the_direction():
    gaps = gap_matrix(centres())
    one, ten = (near_far_centres(gaps * factor, (32, 48, 31), (1.0, 2.0, 3.0)) for factor in (1.0, 10.0))
    torch.testing.assert_close(one, ten, atol=1e-4, rtol=0)
