"""Percentiles and flags of observed scans."""

import numpy as np
import pytest

from orienteer.report.findings import ENOUGH_SCANS, ObservedScan, percentile, percentiles_among
from orienteer.report.measurement import ScanMeasurement


def measured(name: str, error_mm: float, closure_mm: float | None = None) -> ScanMeasurement:
    closures = None if closure_mm is None else np.array([closure_mm])
    return ScanMeasurement(name, name, {}, np.ones((1, 3)), {}, np.array([error_mm]), closures, {})


def test_a_percentile_counts_ties_half_and_is_undefined_without_others():
    assert percentile(5.0, [1.0, 5.0]) == 0.75
    assert np.isnan(percentile(5.0, []))


def test_a_scan_is_not_compared_with_itself():
    own = [measured(f"{n}", float(n)) for n in range(ENOUGH_SCANS + 1)]
    assert percentiles_among(own[-1], own) == {"error": 1.0}
    assert percentiles_among(own[0], own) == {"error": 0.0}


def test_few_scans_give_no_percentiles():
    assert percentiles_among(measured("new", 3.0), [measured(f"{n}", float(n)) for n in range(ENOUGH_SCANS - 1)]) == {}


def test_closure_has_its_own_percentile():
    own = [measured(f"{n}", float(n), 10.0 - n) for n in range(ENOUGH_SCANS)]
    assert percentiles_among(measured("new", 100.0, 0.5), own) == {"error": 1.0, "closure": 0.0}


@pytest.mark.parametrize(("share", "large"), [(0.95, False), (0.96, True)])
def test_large_is_above_95_percent(share, large):
    scan = ObservedScan(measured("a", 1.0), None, percentiles={"error": share})
    assert scan.is_large("error") is large
    assert not scan.is_large("closure")
    assert not scan.flagged
