"""Covering scans with views: fixed grids, which views show a place, means and interpolation."""

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.features.grid import body_grid, grid_starts, interpolated, mean_over_scan, views_of_points
from orienteer.scans.body import BodyMap
from orienteer.types import Triple


def solid(shape_vox: Triple) -> BodyMap:
    blocks = tuple(-(-length // 4) for length in shape_vox)
    return BodyMap(np.full(blocks, 255, np.uint8), np.ones(blocks, bool), 4)


@pytest.mark.parametrize(
    ("shape", "size", "overlap"), [((40, 31, 50), (16, 16, 16), 0.0), ((17, 64, 33), (16, 32, 24), 0.5)]
)
def test_grid_covers_every_voxel_and_never_leaves_the_scan(shape: Triple, size: Triple, overlap: float) -> None:
    for starts, length, edge in zip(grid_starts(shape, size, overlap), shape, size, strict=True):
        covered = np.zeros(length, bool)
        for start in starts:
            assert 0 <= start <= length - edge
            covered[start : start + edge] = True
        assert covered.all()
        assert np.diff(starts).max(initial=0) <= np.ceil(edge * (1 - overlap))


def test_grid_refuses_an_overlap_without_end() -> None:
    with pytest.raises(InputError, match="overlap: wanted a share from 0 to 0.9, got 1.0"):
        grid_starts((32, 32, 32), (16, 16, 16), 1.0)


def test_body_grid_leaves_out_air_and_what_was_not_scanned() -> None:
    body = solid((32, 16, 16))
    body.body[:4] = 0
    assert body_grid((32, 16, 16), body, (16, 16, 16)).tolist() == [[16, 0, 0]]
    outside = solid((32, 16, 16))
    outside.inside[7, 0, 0] = False
    assert body_grid((32, 16, 16), outside, (16, 16, 16)).tolist() == [[0, 0, 0]]


def test_body_grid_of_a_thin_body_is_its_fullest_view() -> None:
    body = solid((48, 16, 16))
    body.body[:] = 0
    body.body[10] = 40
    assert body_grid((48, 16, 16), body, (16, 16, 16)).tolist() == [[32, 0, 0]]


def test_body_grid_against_a_loop_over_voxels() -> None:
    rng, shape, size = np.random.default_rng(0), (22, 13, 30), (8, 8, 12)
    body = solid(shape)
    body.body[:] = rng.choice([0, 255], body.body.shape, p=[0.7, 0.3])
    mask = body.body.repeat(4, 0).repeat(4, 1).repeat(4, 2)[:22, :13, :30] > 0
    wanted = []
    for place in np.ndindex(*(len(axis) for axis in grid_starts(shape, size, 0.5))):
        start = [axis[number] for axis, number in zip(grid_starts(shape, size, 0.5), place, strict=True)]
        if mask[tuple(slice(at, at + edge) for at, edge in zip(start, size, strict=True))].mean() >= 0.3:
            wanted.append(start)
    assert 0 < len(wanted) < 60
    assert body_grid(shape, body, size, 0.5).tolist() == wanted


def test_every_point_is_seen_by_the_views_that_hold_it_and_by_no_other() -> None:
    rng, shape, size = np.random.default_rng(1), (40, 20, 33), (16, 20, 12)
    points = rng.uniform(0, np.array(shape) - 1, (30, 3))
    starts, seen = views_of_points(points, shape, size, 0.5)
    weight = np.zeros((len(starts), len(points)))
    for view, (rows, weights) in enumerate(seen):
        weight[view, rows] = weights
    inside = ((points - starts[:, None] >= -0.5) & (points - starts[:, None] <= np.array(size) - 0.5)).all(-1)
    assert (weight[inside] > 0).all()
    # A view of n voxels ends half a voxel beyond its last centre; the weight reaches zero another half voxel further.
    assert ((points - starts[:, None] > -1) & (points - starts[:, None] < np.array(size))).all(-1)[weight > 0].all()
    centre = starts[0] + (np.array(size) - 1) / 2
    _, (only, *_) = views_of_points(centre[None], shape, size, 0.0)
    assert only.weights.tolist() == [1.0]


def test_a_mean_over_a_view_that_sticks_out_ignores_the_padding() -> None:
    level = torch.arange(4.0).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 2, 2)
    starts = np.array([[-6, 0, 0]])
    # Cells of four voxels: the first is outside, half of the second is inside, the scan ends after the third.
    wanted = (0.5 * 1 + 1 * 2) / 1.5
    assert mean_over_scan(level, starts, (6, 8, 8), (16, 8, 8))[0, 0] == pytest.approx(wanted)


def test_interpolation_is_exact_for_a_linear_map_between_the_centres_of_cells() -> None:
    size = (8, 16, 12)
    centres = np.stack(np.meshgrid(*(np.arange(n / 4) * 4 + 1.5 for n in size), indexing="ij"))  # (3, cells, ...)
    linear = torch.from_numpy(np.tensordot([1.0, 10.0, 100.0], centres, 1)[None].astype(np.float32))
    points = np.random.default_rng(2).uniform(1.5, np.array(size) - 2.5, (20, 3))
    found = interpolated([linear, -linear], points, size)
    assert np.allclose(found[:, 0], points @ [1.0, 10.0, 100.0], atol=1e-3)
    assert np.array_equal(found[:, 1], -found[:, 0])
