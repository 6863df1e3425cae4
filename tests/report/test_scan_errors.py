"""Errors in mm and closure of one scan, measured on a model whose mistakes are known."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.report.scan_errors import SOUND, fit_of, measure_scan, standing
from orienteer.report.spoil import Fault
from orienteer.report.whole_scan import undone
from tests.helpers.oracle import oracle_run


def test_an_oracle_makes_no_mistakes(oracle, coded):
    figures = measure_scan(oracle, coded, sets=3, readings=())
    assert figures.error_mm == pytest.approx(0, abs=1e-3)
    assert figures.figures["oracle_error_mm"] == pytest.approx(0, abs=1e-3)
    assert figures.figures["oracle_error_mm_trivial"] > 20
    assert figures.true_mm.shape == (3 * 12, 3)
    np.testing.assert_allclose(figures.predicted_mm["oracle"], figures.true_mm, atol=1e-3)


def test_gaps_that_close_by_construction_have_no_closure_error(oracle, coded):
    assert measure_scan(oracle, coded, sets=2, readings=()).closure_mm is None


def test_closure_and_error_grow_with_what_the_model_gets_wrong(coded):
    little, much = (measure_scan(oracle_run(bend), coded, sets=4, readings=()) for bend in (0.05, 0.2))
    assert little.closure_mm is not None
    assert much.closure_mm == pytest.approx(4 * little.closure_mm, rel=1e-3)
    assert much.error_mm == pytest.approx(4 * little.error_mm, rel=1e-2)


def test_the_closure_of_a_bent_oracle_is_what_a_loop_says(coded):
    from itertools import permutations

    figures = measure_scan(oracle_run(0.1), coded, sets=1, readings=())
    i, j = np.triu_indices(4, 1)
    edges = np.zeros((4, 4, 3))
    edges[np.r_[i, j], np.r_[j, i]] = figures.predicted_mm["oracle"]
    around = [
        np.linalg.norm(sum(edges[a, b] for a, b in zip(route, (*route[1:], route[0]), strict=True)))
        for route in permutations(range(4))
    ]
    assert figures.closure_mm == pytest.approx(np.mean(around), rel=1e-4)


def test_a_reading_under_which_no_view_fits_is_left_out(oracle, coded):
    small = undone(undone(coded, Fault(spacing_factor=2.0)), Fault(spacing_factor=2.0))  # 10 x 11 x 14 voxels
    fits = measure_scan(oracle, small, sets=1, readings=(Fault(spacing_factor=2.0), Fault(mirrored=(0,)))).fits
    assert set(fits) == {SOUND, Fault(mirrored=(0,))}


def test_a_scan_smaller_than_a_view_is_refused(oracle, coded):
    tiny = undone(coded, Fault(spacing_factor=8.0))
    with pytest.raises(ScanError, match="coded: wanted 4 views"):
        measure_scan(oracle, tiny)


def test_a_fit_holds_mean_squares_per_axis():
    true, guess = np.array([[3.0, 0, 0], [1.0, 0, 4.0]]), np.array([[3.0, 2.0, 0], [1.0, 0, 0]])
    fit = fit_of(true, {"a": guess})
    assert fit.missed["a"].tolist() == [0.0, 2.0, 8.0]
    assert fit.claimed["a"].tolist() == [5.0, 0.0, 8.0]


def test_standing_counts_ties_half_and_knows_no_empty_crowd():
    assert standing(5.0, [1.0, 5.0]) == 0.75
    assert np.isnan(standing(5.0, []))
