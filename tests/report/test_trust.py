"""Signs of trust against the true error: which follows it, and what is said where none is known to."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.spread import MOVE, moved_views
from orienteer.report.trust import bars_of, best_sign, closure_excess, draw_sign, set_radii_mm, signs_of_trust
from orienteer.report.whole_scan import draw_sets
from orienteer.runs.error_bars import calibrate_bars
from tests.helpers.oracle import VIEW

VIEWS, SETS = 4, 6
PAIRS = VIEWS * (VIEWS - 1)


def measured(number: int, closure_mm: float = 5.0, follow: bool = True, closures: bool = True) -> ScanMeasurement:
    """A scan whose errors have the size that its scales say (or not), with closures that do not follow them."""
    rng = np.random.default_rng(number)
    scales = np.repeat(rng.uniform(5, 40, SETS), PAIRS)[:, None] * np.ones(3)
    true = rng.normal(0, 100, (SETS * PAIRS, 3))
    sized = scales if follow else np.repeat(rng.uniform(5, 40, SETS), PAIRS)[:, None]
    errors = rng.laplace(0, 1, true.shape) * sized
    lengths = np.linalg.norm(errors, axis=1).reshape(SETS, PAIRS).mean(1)
    return ScanMeasurement(
        key=str(number),
        name=str(number),
        metrics={},
        true_mm=true,
        predicted_mm={"gap": true + errors},
        set_errors_mm=lengths,
        set_closures_mm=rng.uniform(0.5, 1.5, SETS) * closure_mm if closures else None,
        fits={},
        scales_mm={"gap": scales},
        spreads_mm={"gap": np.repeat(lengths, PAIRS) * 0.5},
    )


def test_the_sign_that_follows_the_error_is_the_best():
    scans = [measured(number) for number in range(12)]
    signs = signs_of_trust(scans, bars_of(scans))
    assert {sign.name for sign in signs} == {"error bar", "closure error", "spread over overlapping views"}
    assert signs[-1].name == "closure error"
    by_name = {sign.name: sign for sign in signs}
    assert by_name["spread over overlapping views"].sets.value == pytest.approx(1)
    assert by_name["error bar"].sets.value > 0.8
    assert by_name["error bar"].scans.count == 12
    assert by_name["error bar"].sets.count == 12 * SETS
    assert by_name["spread over overlapping views"].sets.count == 12 * SETS
    assert by_name["error bar"].sets.low > 0.6
    assert best_sign(signs) is signs[0]


def test_a_sign_that_does_not_follow_is_not_shown_as_trust():
    scans = [measured(number, follow=False) for number in range(12)]
    stripped = [ScanMeasurement(**{**vars(scan), "spreads_mm": {}}) for scan in scans]
    signs = signs_of_trust(stripped, bars_of(stripped))
    assert {sign.name for sign in signs} == {"error bar", "closure error"}
    assert best_sign(signs) is None


def test_under_eight_scans_no_correlation_over_scans_and_no_best_sign():
    scans = [measured(number) for number in range(7)]
    signs = signs_of_trust(scans, bars_of(scans))
    assert all(sign.scans.value is None and sign.scans.count == 7 for sign in signs)
    assert all(sign.sets.value is not None and sign.sets.low is None for sign in signs)
    assert best_sign(signs) is None


def test_what_was_not_measured_is_no_sign():
    assert signs_of_trust([], {}) == ()
    scans = [measured(number, closures=False) for number in range(9)]
    assert {sign.name for sign in signs_of_trust(scans, {})} == {"spread over overlapping views"}


def test_error_bars_are_those_of_the_scans_errors():
    scans = [measured(number) for number in range(9)]
    bars = bars_of(scans)["gap"]
    assert bars == calibrate_bars([scan.errors_of("gap") for scan in scans])
    np.testing.assert_allclose(bars.axis_factors, 1.0, rtol=0.15)
    plain = replace(scans[0], spreads_mm={})
    radii = set_radii_mm(plain, {"gap": bars})
    np.testing.assert_allclose(radii, scans[0].scales_mm["gap"][::PAIRS, 0] * 3**0.5 * bars.length_factor)
    errors = scans[0].errors_of("gap")
    better = bars.radii_mm(errors.scales_mm, errors.spreads_mm).reshape(SETS, PAIRS).mean(1)
    np.testing.assert_allclose(set_radii_mm(scans[0], {"gap": bars}), better)
    assert set_radii_mm(scans[0], {}) is None


def test_closure_of_independent_errors_is_what_their_bars_allow():
    """Steps with independent Laplace errors around a closed route of four views."""
    rng = np.random.default_rng(0)
    scale = 20.0
    around = rng.laplace(0, scale, (4000, VIEWS, 3)).sum(axis=1)
    scan = measured(0)
    scan = ScanMeasurement(
        **{
            **vars(scan),
            "set_closures_mm": np.linalg.norm(around, axis=1)[:SETS] * 0 + np.linalg.norm(around, axis=1).mean(),
            "scales_mm": {"gap": np.full((SETS * PAIRS, 3), scale)},
        }
    )
    bars = {"gap": calibrate_bars([measured(9).errors_of("gap")])}
    exact = {"gap": type(bars["gap"])(**{**vars(bars["gap"]), "axis_factors": (1.0, 1.0, 1.0)})}
    assert closure_excess(scan, exact) == pytest.approx(1.0, abs=0.12)
    assert closure_excess(scan, {}) is None


def test_the_plot_is_a_picture():
    scans = [measured(number) for number in range(5)]
    png = draw_sign(signs_of_trust(scans, bars_of(scans))[0])
    assert Image.open(io.BytesIO(png)).size == (700, 420)


def test_moved_views_overlap_the_original_ones_and_stay_inside(coded, oracle):
    starts = draw_sets(coded, oracle.policy, 3)
    moved = moved_views(starts, coded, VIEW)
    assert (moved >= 0).all()
    assert (moved <= np.array(coded.shape_vox) - VIEW).all()
    assert (np.abs(moved - starts) == round(MOVE * VIEW[0])).all()


def test_a_model_without_errors_has_no_spread(coded, oracle):
    scan = measure_scan(oracle, coded, sets=5, readings=())
    assert scan.set_spreads_mm.shape == (5,)
    assert all(len(each) == len(scan.true_mm) for each in scan.spreads_mm.values())
    assert scan.set_spreads_mm.max() < 0.05
