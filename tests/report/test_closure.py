"""Closure error against true error."""

import io

import numpy as np
import pytest
from PIL import Image

from orienteer.report.closure import closure_correlation, draw_closure, rank_correlation
from orienteer.report.measurement import ScanMeasurement


def measured(name: str, closures: list[float] | None, errors: list[float]) -> ScanMeasurement:
    set_closures = None if closures is None else np.array(closures)
    return ScanMeasurement(name, name, {}, np.ones((2, 3)), {}, np.array(errors), set_closures, {})


def test_scans_and_view_sets_are_correlated_separately():
    """The means rise together; within each scan the order is reversed."""
    scans = [measured(str(n), [10.0 * n, 10.0 * n + 1], [10.0 * n + 1, 10.0 * n]) for n in range(4)]
    result = closure_correlation(scans)
    assert result is not None
    assert (result.scans, result.scan_count, result.set_count) == (pytest.approx(1), 4, 8)
    assert 0.8 < result.sets < 1


def test_scans_without_closure_are_left_out():
    assert closure_correlation([measured("a", None, [1.0])]) is None
    result = closure_correlation([measured("a", None, [1.0]), measured("b", [1.0, 2.0, 3.0], [2.0, 4.0, 6.0])])
    assert (result.scans, result.scan_count, result.sets, result.set_count) == (None, 1, pytest.approx(1), 3)


def test_the_plot_is_a_picture():
    png = draw_closure([measured(str(n), [1.0 * n, 2.0], [2.0, 3.0 * n]) for n in range(3)])
    assert Image.open(io.BytesIO(png)).size == (700, 420)


def test_a_rank_correlation_needs_three_values_that_differ():
    assert rank_correlation([1.0, 2.0], [1.0, 2.0]) is None
    assert rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert rank_correlation([1.0, 2.0, 5.0], [9.0, 4.0, 1.0]) == pytest.approx(-1)
