"""Errors and closure of one scan, measured on a model whose errors are known."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.report.faults import Fault
from orienteer.report.measure import measure_scan
from orienteer.report.undo_fault import undo_fault
from tests.helpers.oracle import oracle_run


def test_an_oracle_makes_no_errors(oracle, coded):
    measured = measure_scan(oracle, coded, sets=3, readings=())
    assert measured.error_mm == pytest.approx(0, abs=1e-3)
    assert measured.metrics["oracle_error_mm"] == pytest.approx(0, abs=1e-3)
    assert measured.metrics["oracle_error_mm_trivial"] > 20
    assert measured.true_mm.shape == (3 * 12, 3)
    np.testing.assert_allclose(measured.predicted_mm["oracle"], measured.true_mm, atol=1e-3)


def test_gaps_that_close_by_construction_have_no_closure_error(oracle, coded):
    assert measure_scan(oracle, coded, sets=2, readings=()).closure_mm is None


def test_closure_and_error_grow_with_what_the_model_gets_wrong(coded):
    little, much = (measure_scan(oracle_run(bend), coded, sets=4, readings=()) for bend in (0.05, 0.2))
    assert little.closure_mm is not None
    assert much.closure_mm == pytest.approx(4 * little.closure_mm, rel=1e-3)
    assert much.error_mm == pytest.approx(4 * little.error_mm, rel=1e-2)


def test_the_closure_of_a_bent_oracle_is_what_a_loop_gives(coded):
    from itertools import permutations

    measured = measure_scan(oracle_run(0.1), coded, sets=1, readings=())
    i, j = np.triu_indices(4, 1)
    edges = np.zeros((4, 4, 3))
    edges[np.r_[i, j], np.r_[j, i]] = measured.predicted_mm["oracle"]
    around = [
        np.linalg.norm(sum(edges[a, b] for a, b in zip(route, (*route[1:], route[0]), strict=True)))
        for route in permutations(range(4))
    ]
    assert measured.closure_mm == pytest.approx(np.mean(around), rel=1e-4)


def test_a_scan_smaller_than_a_view_is_refused(oracle, coded):
    tiny = undo_fault(coded, Fault(spacing_factor=8.0))
    with pytest.raises(ScanError, match="coded: wanted 4 views"):
        measure_scan(oracle, tiny)
