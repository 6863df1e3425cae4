"""Percentiles and flags of observed scans."""

import numpy as np
import pytest

from orienteer.report.findings import ENOUGH_SCANS, ObservedScan, larger_than_usual, percentile, percentiles_among
from orienteer.report.limits import LEAST_SOUND
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


@pytest.mark.parametrize("count", [4, 12])
def test_few_sound_scans_get_a_remark_about_their_errors(count):
    rng, remarks = np.random.default_rng(count), []
    for _ in range(300):
        own = [measured(f"{n}", *np.exp(rng.normal(3, 0.3, 2))) for n in range(count)]
        remarks.append(bool(larger_than_usual(measured("new", *np.exp(rng.normal(3, 0.3, 2))), own)))
    assert np.mean(remarks) < 0.05


def test_a_large_error_is_named_and_remarked():
    own = [measured(f"{n}", 20.0 + n, 5.0 + n) for n in range(6)]
    assert larger_than_usual(measured("new", 90.0, 8.0), own) == ("error",)
    assert larger_than_usual(measured("new", 21.0, 90.0), own) == ("closure",)
    assert larger_than_usual(own[-1], own) == ()
    assert larger_than_usual(measured("new", 900.0), own[: LEAST_SOUND - 1]) == ()
    scan = ObservedScan(measured("a", 1.0), None, large=("error",))
    assert scan.is_large("error")
    assert not scan.is_large("closure")
    assert scan.remarked
    assert not scan.flagged
