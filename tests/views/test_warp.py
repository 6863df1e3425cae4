"""Laws of warps: places move along with the voxels, exactly; the identity changes nothing; nothing is mirrored."""

import math

import numpy as np
import pytest

from orienteer.views.warp import MOST_DEGREES, MOST_SCALE, Warp, draw_warp

SHAPE, SPACING, ORIGIN = (40, 50, 60), (4.0, 3.0, 2.5), (-70.0, 10.0, 400.0)


def drawn(seed: int = 0, strength: float = 1.0) -> Warp:
    return draw_warp(np.random.default_rng(seed), strength, SHAPE, SPACING, ORIGIN)


def places(seed: int = 1, count: int = 50) -> np.ndarray:
    """Places in the scan, mm."""
    return np.array(ORIGIN) + np.random.default_rng(seed).uniform(0, 1, (count, 3)) * (np.array(SHAPE) - 1) * SPACING


@pytest.mark.parametrize("seed", range(8))
def test_the_inverse_undoes_the_map(seed):
    warp, points = drawn(seed), places()
    np.testing.assert_allclose(warp.to_scan(warp.from_scan(points)), points, atol=1e-6)
    np.testing.assert_allclose(warp.from_scan(warp.to_scan(points)), points, atol=1e-6)


def test_a_lattice_is_mapped_as_its_points():
    warp = drawn()
    axes = tuple(
        first + step * np.arange(3, 3 + number) for first, step, number in zip(ORIGIN, SPACING, (4, 2, 5), strict=True)
    )
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    np.testing.assert_allclose(np.moveaxis(warp.on_lattice(axes), 0, -1), warp.to_scan(points), atol=1e-9)


def test_strength_0_is_the_identity_bit_for_bit():
    warp, points = drawn(strength=0.0), np.array(ORIGIN) + np.array([[8.0, 9.0, 10.0]])
    assert (warp.matrix == np.eye(3)).all()
    assert (warp.shifts_mm == 0).all()
    np.testing.assert_allclose(warp.to_scan(points), points, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_gaps_of_a_rotated_scan_are_rotated_gaps(seed):
    """With the scales and the deformation taken away, gaps in the warped body are those of the scan, turned back."""
    warp = drawn(seed)
    left, _, right = np.linalg.svd(warp.matrix)
    turn = left @ right  # the rotation nearest to the matrix
    rigid = Warp(warp.centre_mm, turn, np.zeros_like(warp.shifts_mm), warp.first_mm, warp.step_mm)
    one, other = places(2), places(3)
    gaps = rigid.from_scan(other) - rigid.from_scan(one)
    np.testing.assert_allclose(gaps @ turn.T, other - one, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(gaps, axis=1), np.linalg.norm(other - one, axis=1), atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_angle_and_scales_keep_their_bounds_and_nothing_is_mirrored(seed):
    matrix = drawn(seed).matrix
    scales = np.linalg.norm(matrix, axis=0)
    turn = matrix / scales
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert math.degrees(math.acos(min(1.0, (np.trace(turn) - 1) / 2))) <= MOST_DEGREES + 1e-6
    assert (scales <= MOST_SCALE + 1e-9).all()
    assert (scales >= 1 / MOST_SCALE - 1e-9).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_deformation_is_one_to_one(seed):
    """The Jacobian's determinant is positive everywhere in the scan, by differences."""
    warp, points, step = drawn(seed), places(count=200), 0.01
    columns = [(warp.to_scan(points + step * e) - warp.to_scan(points - step * e)) / (2 * step) for e in np.eye(3)]
    assert np.linalg.det(np.stack(columns, axis=-1)).min() > 0.2


def test_a_naive_sum_of_splines_gives_the_same_shift():
    warp, point = drawn(), places(count=1)[0]

    def spline(u: float) -> float:
        u = abs(u)
        if u < 1:
            return 2 / 3 - u**2 + u**3 / 2
        return (2 - u) ** 3 / 6 if u < 2 else 0.0

    shift = np.zeros(3)
    for index in np.ndindex(warp.shifts_mm.shape[:3]):
        control = warp.first_mm + warp.step_mm * np.array(index)
        shift += warp.shifts_mm[index] * math.prod(spline(d / warp.step_mm) for d in point - control)
    linear = warp.centre_mm + warp.matrix @ (point - warp.centre_mm)
    np.testing.assert_allclose(warp.to_scan(point[None])[0], linear + shift, atol=1e-9)
