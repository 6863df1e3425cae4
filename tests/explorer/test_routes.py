"""Routes along predicted gaps."""

import numpy as np
import pytest

from orienteer.explorer.routes import predicted_route


def test_a_route_with_true_gaps_ends_at_its_end():
    centres = np.random.default_rng(0).normal(size=(4, 3)) * 50
    route = predicted_route(centres, centres[None] - centres[:, None])
    np.testing.assert_allclose(route.stops_mm, centres)
    assert route.end_miss_mm == pytest.approx(0)
    assert route.closure_mm is None  # differences of positions always close


def test_a_route_adds_up_its_steps():
    rng = np.random.default_rng(1)
    centres, gaps = rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    route = predicted_route(centres, gaps)
    np.testing.assert_allclose(route.stops_mm[2], centres[0] + gaps[0, 1] + gaps[1, 2])
    assert route.closure_mm == pytest.approx(np.linalg.norm(gaps[0, 1] + gaps[1, 2] + gaps[2, 0]))


def test_error_bars_add_up_as_independent_ones_do() -> None:
    centres, gaps = np.zeros((3, 3)), np.zeros((3, 3, 3))
    bars = np.array([[0.0, 3.0, 9.0], [9.0, 0.0, 4.0], [9.0, 9.0, 0.0]])
    assert predicted_route(centres, gaps, bars).radii_mm == (0.0, 3.0, 5.0)
    assert predicted_route(centres, gaps).radii_mm is None
