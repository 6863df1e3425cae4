"""The seven faults of the published research code (`FastSlow.py` of the ITKIT repository), each written in its form.

Every test shows that the published form breaks a law, and that ours keeps it. The forms are written from a description
of their formulas; no code is copied.
"""

import math
from itertools import combinations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from orienteer.geometry.boxes import box_averages, box_corners, view_centre_vox
from orienteer.geometry.frames import multiply_axes
from orienteer.geometry.pairs import FAR, NEAR, distances, gap_matrix, half_size_vox, near_far_centres, pair_index
from orienteer.tasks.base import Features
from tests.helpers.synthetic import SPACING, UNIT_MM, make_features, make_task, make_views

CUBE, BRICK = (32, 32, 32), (16, 48, 32)
UNEVEN = (1.0, 1.0, 4.0)


def places(views: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, views, 3, generator=torch.Generator().manual_seed(seed)) * 90


def degrees_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(torch.acos(torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)))


def near_walks_mm(gaps: torch.Tensor, size, spacing) -> torch.Tensor:
    return multiply_axes(
        near_far_centres(gaps, size, spacing)[..., NEAR, :] - torch.tensor(view_centre_vox(size)), spacing
    )


class TestFault1TheMinimumOverTheWrongAxis:
    """The room that is left limits the walk; the least room must be sought among the axes, not among the views."""

    @staticmethod
    def published_walks(gaps: torch.Tensor) -> torch.Tensor:
        room = torch.tensor(CUBE) / 4 / gaps.abs().clamp(min=1e-6)  # batch views views 3
        return gaps * room.min(dim=-2, keepdim=True).values  # the fault: views instead of axes, so one factor per axis

    def test_theirs_leaves_the_line_between_the_views(self):
        gaps, (i, j) = gap_matrix(places()), pair_index(3)
        assert degrees_between(self.published_walks(gaps)[:, i, j], gaps[:, i, j]).max() > 5

    def test_ours_stays_on_it(self):
        gaps, (i, j) = gap_matrix(places().double()), pair_index(3)
        walks = near_walks_mm(gaps, CUBE, (1.0, 1.0, 1.0))
        assert degrees_between(walks[:, i, j], gaps[:, i, j]).max() < 1e-3


class TestFault2SizesReadFromBothEnds:
    """The size of a view was read from the last axis in one place and from the first in another."""

    @staticmethod
    def published_room_left(gaps: torch.Tensor, size) -> torch.Tensor:
        room = torch.tensor(size[::-1]) / 4  # the fault: axes in the other order
        walk = gaps * (room / gaps.abs()).amin(dim=-1, keepdim=True)
        return (torch.tensor(size) / 4 - walk.abs()).amin()

    def test_theirs_is_right_for_cubes_and_leaves_the_view_for_bricks(self):
        gaps = gap_matrix(places())[:, 0, 1]
        assert self.published_room_left(gaps, CUBE) > -1e-4
        steep = torch.tensor([[100.0, 1.0, 1.0]])
        assert self.published_room_left(steep, BRICK) < -1

    def test_ours_stays_inside_bricks(self):
        gaps = gap_matrix(torch.tensor([[[0.0, 0.0, 0.0], [100.0, 1.0, 1.0]]]))
        walks = near_walks_mm(gaps, BRICK, (1.0, 1.0, 1.0))
        assert (torch.tensor(BRICK) / 4 - walks.abs()).amin() > -1e-4


class TestFault3MirroredPositions:
    """Targets from i to j with predictions ``z_i - z_j`` make the network learn a mirror image; a bias moves [i, i]."""

    def test_theirs_reaches_the_lowest_loss_with_mirrored_positions(self):
        centres = places()
        published = lambda z: z[:, :, None] - z[:, None, :]  # noqa: E731
        error = lambda z: (published(z) - gap_matrix(centres)).square().mean()  # noqa: E731
        assert error(-centres) < 1e-6
        assert error(centres) > 1000

    def test_ours_reaches_the_lowest_loss_with_true_positions(self):
        centres = places()
        assert (gap_matrix(centres) - gap_matrix(centres)).square().mean() == 0
        assert (gap_matrix(-centres) - gap_matrix(centres)).square().mean() > 1000

    def test_their_bias_puts_a_view_away_from_itself(self):
        z = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0))
        layer = torch.nn.Linear(8, 3)
        with torch.no_grad():
            layer.bias.fill_(0.3)
        gaps = layer(z[:, None] - z[:, :, None])
        assert distances(gaps).diagonal(dim1=1, dim2=2).min() > 0.1

    def test_ours_is_antisymmetric_and_zero_on_the_diagonal_whatever_the_weights(self):
        task = make_task("gap")
        with torch.no_grad():
            for weight in task.parameters():
                weight.add_(0.3)
        gaps = task(make_features()).gaps
        assert distances(gaps).max() > 0
        torch.testing.assert_close(gaps, -gaps.transpose(1, 2), atol=0, rtol=0)


class TestFault4NoSpacing:
    """Coordinates were divided by a fixed number of voxels, and drawn distances multiplied by its diagonal."""

    FIXED_VOX = torch.tensor([128.0, 128.0, 128.0])

    def published_gaps(self, centres_vox: torch.Tensor) -> torch.Tensor:
        return gap_matrix(centres_vox / self.FIXED_VOX)

    def published_drawn(self, centres_vox: torch.Tensor) -> torch.Tensor:
        return distances(self.published_gaps(centres_vox)) * torch.linalg.vector_norm(self.FIXED_VOX)

    def test_theirs_gives_one_body_two_gaps_at_two_spacings(self):
        centres = places()
        coarse, fine = centres / torch.tensor(UNEVEN), centres / 1.0
        assert (self.published_gaps(coarse) - self.published_gaps(fine)).abs().max() > 0.1

    def test_their_drawn_distances_are_the_root_of_three_too_large(self):
        centres = places()
        drawn, true = self.published_drawn(centres), distances(gap_matrix(centres))
        i, j = pair_index(3)
        torch.testing.assert_close(drawn[:, i, j] / true[:, i, j], torch.full((1, 3), math.sqrt(3)))

    def test_ours_gives_the_same_gaps_and_true_distances_in_mm(self):
        task, views = make_task("gap"), make_views()
        gaps_mm = task.targets(views).gaps_mm
        torch.testing.assert_close(distances(gaps_mm), torch.cdist(views.centres_mm, views.centres_mm))

    def test_our_parts_are_on_the_line_in_mm_theirs_on_the_line_in_voxels(self):
        gaps, (i, j) = gap_matrix(places().double()), pair_index(3)
        published = near_walks_mm(gaps, CUBE, (1.0, 1.0, 1.0))  # voxels taken for mm
        drawn_mm = multiply_axes(published, UNEVEN)
        assert degrees_between(drawn_mm[:, i, j], gaps[:, i, j]).max() > 5
        assert degrees_between(near_walks_mm(gaps, CUBE, UNEVEN)[:, i, j], gaps[:, i, j]).max() < 1e-3


class TestFault5BoxesCutWithVoxelNumbers:
    """Voxel boxes were cut out of feature maps of any resolution, and half of an odd size was rounded down."""

    @staticmethod
    def published_cut(maps: torch.Tensor, centre_vox, size_vox) -> torch.Tensor:
        half = [size // 2 // 2 for size in size_vox]
        low = [round(c - h) for c, h in zip(centre_vox, half, strict=True)]
        (a, b, c), (d, e, f) = low, (start + 2 * h for start, h in zip(low, half, strict=True))
        return maps[..., a:d, b:e, c:f]

    def test_theirs_silently_cuts_nothing_out_of_a_coarser_map(self):
        map_of_stride_8 = torch.rand(1, 4, 4, 4)
        assert self.published_cut(map_of_stride_8, (23.5, 15.5, 15.5), CUBE).numel() == 0

    def test_theirs_loses_voxels_of_odd_sizes(self):
        cut = self.published_cut(torch.rand(1, 31, 31, 31), (15.0, 15.0, 15.0), (31, 31, 31))
        assert cut.shape[-1] == 14  # half of 31 is 15.5
        assert half_size_vox((31, 31, 31)) == (15.5, 15.5, 15.5)

    @pytest.mark.parametrize(("size", "stride"), [((32, 32, 32), 8), ((31, 31, 31), 1), ((30, 30, 30), 2)])
    def test_ours_weighs_exactly_half_the_view_on_every_axis(self, size, stride):
        cells = size[0] // stride
        ramp = torch.arange(float(cells)).reshape(1, 1, cells, 1, 1).expand(1, 1, cells, cells, cells)
        low, high = box_corners(torch.tensor([[view_centre_vox(size)]]), half_size_vox(size))
        assert box_averages(ramp, low, high, (stride,) * 3).item() == pytest.approx((cells - 1) / 2, rel=1e-5)
        ones = box_averages(torch.ones_like(ramp), low, high, (stride,) * 3)
        assert ones.item() == pytest.approx(1.0, rel=1e-5)


class TestFault6AMetricOfPairNumbers:
    """The distance between the numbers of the chosen and of the right pair depends on how pairs are numbered."""

    PAIRS = tuple(combinations(range(4), 2))

    def published_metric(self, cosines: torch.Tensor, order: list[int]) -> int:
        """L1 between pair numbers, where the four parts are listed in ``order``; the right pair is parts 0 and 2."""
        numbered = [tuple(sorted((order.index(a), order.index(b)))) for a, b in self.PAIRS]
        scores = {pair: cosines[a, b].item() for pair, (a, b) in zip(numbered, self.PAIRS, strict=True)}
        chosen = self.PAIRS.index(max(scores, key=scores.get))
        return abs(chosen - self.PAIRS.index(tuple(sorted((order.index(0), order.index(2))))))

    def test_theirs_changes_when_the_parts_are_listed_in_another_order(self):
        cosines = torch.eye(4)
        cosines[2, 3] = cosines[3, 2] = 0.9
        assert self.published_metric(cosines, [0, 1, 2, 3]) != self.published_metric(cosines, [2, 3, 0, 1])

    def test_ours_does_not_change_when_the_views_are_renumbered(self):
        task, features, views = make_task("similarity"), make_features(), make_views()
        order = torch.tensor([2, 0, 1])
        moved = Features(levels=tuple(level[:, order] for level in features.levels))
        one = task.metrics(task(features), task.targets(views))
        other = task.metrics(task(moved), task.targets(views.renumbered(order)))
        assert {key: round(value.item(), 6) for key, value in one.items()} == {
            key: round(value.item(), 6) for key, value in other.items()
        }


class CountedOperations(TorchDispatchMode):
    """Counts every tensor operation."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


class TestFault7Loops:
    """Loops over views, pairs and parts cost operations for each; constants outside buffers stay behind on the CPU."""

    @staticmethod
    def published_loss(vectors: torch.Tensor, centres_mm: torch.Tensor) -> torch.Tensor:
        unit = torch.tensor([UNIT_MM] * 3)  # the fault: a constant that stays on the CPU
        losses = [
            (vectors[b, j, :3] - vectors[b, i, :3] - (centres_mm[b, j] - centres_mm[b, i]) / unit).square().mean()
            for b in range(vectors.shape[0])
            for i, j in combinations(range(vectors.shape[1]), 2)
        ]
        return torch.stack(losses).mean()

    @staticmethod
    def operations(function) -> int:
        with CountedOperations() as counted:
            function()
        return counted.count

    def test_their_number_of_operations_grows_with_views(self):
        costs = [
            self.operations(lambda v=v: self.published_loss(torch.rand(2, v, 8), make_views(views=v).centres_mm))
            for v in (2, 6)
        ]
        assert costs[1] > 3 * costs[0]

    @pytest.mark.parametrize("name", ["gap", "similarity", "route"])
    def test_our_number_of_operations_does_not(self, name):
        def cost(batch: int, views: int) -> int:
            task, batch_of_views = make_task(name, views=views), make_views(batch, views)
            features = make_features(batch, views)
            return self.operations(lambda: task.loss(task(features), task.targets(batch_of_views)))

        assert cost(2, 3) == cost(2, 4) == cost(5, 3)
        assert abs(cost(2, 8) - cost(2, 5)) == 0

    def test_their_constant_stays_behind_and_ours_follow(self):
        with pytest.raises(RuntimeError, match="device"):
            self.published_loss(torch.rand(2, 3, 8, device="meta"), torch.rand(2, 3, 3, device="meta"))
        task, views = make_task("gap").to("meta"), make_views().to("meta")
        features = Features(levels=tuple(level.to("meta") for level in make_features().levels))
        assert task.loss(task(features), task.targets(views))["gap"].device.type == "meta"


def test_near_and_far_are_opposite_and_spacing_is_that_of_the_views():
    """Guards the tests above against a change of what the sides of a part mean."""
    gaps = gap_matrix(places())
    parts = near_far_centres(gaps, BRICK, SPACING) - torch.tensor(view_centre_vox(BRICK))
    torch.testing.assert_close(parts[..., NEAR, :], -parts[..., FAR, :])
    assert (parts[:, 0, 1, NEAR] * gaps[:, 0, 1]).sum() > 0
