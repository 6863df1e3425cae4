"""A robust affine map: found among wrong matches, kept in check where matches say nothing."""

import numpy as np
import pytest

from orienteer.locating.affine import Affine, robust_affine


def test_it_is_found_among_three_quarters_of_wrong_matches():
    rng = np.random.default_rng(1)
    matrix, offset = np.array([[1.1, 0.05, 0], [-0.05, 0.95, 0.02], [0, 0, 1.05]]), np.array([20.0, -10, 60])
    places = rng.uniform(-150, 150, (400, 3))
    matches = places @ matrix.T + offset + rng.normal(0, 2, (400, 3))
    wrong = rng.permutation(400)[:300]
    matches[wrong] = rng.uniform(-150, 150, (300, 3)) + offset
    fitted = robust_affine(places, matches, np.ones(400), 40.0, rng)
    away = np.linalg.norm(fitted.affine(places) - (places @ matrix.T + offset), axis=1)
    assert away.max() < 12
    right = np.setdiff1d(np.arange(400), wrong)
    assert fitted.weights[right].mean() > 0.4 > 0.2 > fitted.weights[wrong].mean()


def test_matches_in_a_plane_leave_its_normal_with_the_size_of_the_others():
    rng = np.random.default_rng(2)
    places = rng.uniform(-100, 100, (100, 3)) * [1, 1, 0]
    fitted = robust_affine(places, 1.2 * places, np.ones(100), 30.0, rng)
    assert fitted.affine.matrix == pytest.approx(1.2 * np.eye(3), abs=0.02)


def test_the_inverse_leads_back():
    affine = Affine(np.array([[1.1, 0.2, 0], [0, 0.9, 0.1], [0, 0, 1.3]]), np.array([5.0, 6, 7]))
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert affine.inverse()(affine(points)) == pytest.approx(points)
