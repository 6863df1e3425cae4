"""Error bars: calibrated on errors whose distribution is known, measured on scans that did not calibrate them."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.runs.error_bars import (
    ERROR_BARS_FILE,
    LAPLACE_REACH,
    ScanErrors,
    calibrate_bars,
    rank_correlation,
    read_error_bars,
    run_of,
    write_error_bars,
)
from orienteer.runs.folder import write_config
from orienteer.runs.split import write_split


def scans(count: int, family: str = "laplace", per_axis=(1.0, 2.0, 0.5), gaps: int = 600) -> list[ScanErrors]:
    """Errors whose true scale is the predicted one times a factor per axis."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        scales = rng.uniform(2, 40, (gaps, 3)) * (1 + number)  # scans differ in how hard they are
        draw = rng.laplace(0, 1, (gaps, 3)) if family == "laplace" else rng.normal(0, 1, (gaps, 3))
        made.append(ScanErrors(draw * scales * per_axis, scales))
    return made


def test_the_factors_of_laplace_errors_are_those_of_their_scales():
    bars = calibrate_bars(scans(10))
    np.testing.assert_allclose(bars.axis_factors, (1.0, 2.0, 0.5), rtol=0.06)
    assert bars.coverage == pytest.approx(0.9, abs=0.01)
    assert bars.scans == 10
    assert bars.rank_scans > 0.9
    assert 0.4 < bars.rank_gaps < 0.95


def test_the_factors_of_normal_errors_cover_90_percent():
    bars = calibrate_bars(scans(10, "normal", (1.0, 1.0, 1.0)))
    np.testing.assert_allclose(bars.axis_factors, 1.645 / LAPLACE_REACH, rtol=0.05)
    assert bars.coverage == pytest.approx(0.9, abs=0.01)


def test_bars_cover_90_percent_of_new_errors_along_axes_and_in_length():
    measured = scans(12)
    bars, new = calibrate_bars(measured[::2]), measured[1::2]
    errors, scales = (np.concatenate([getattr(s, name) for s in new]) for name in ("errors_mm", "scales_mm"))
    assert (np.abs(errors) <= bars.half_widths_mm(scales)).mean() == pytest.approx(0.9, abs=0.02)
    assert (np.linalg.norm(errors, axis=1) <= bars.radii_mm(scales)).mean() == pytest.approx(0.9, abs=0.02)


def test_coverage_is_that_of_scans_left_out():
    """One scan whose scales are ten times too small: the others' factors cover few of its errors."""
    measured = scans(3, per_axis=(1.0, 1.0, 1.0))
    odd = ScanErrors(measured[0].errors_mm, measured[0].scales_mm / 10)
    alone = calibrate_bars([*measured[1:], odd])
    inside = []
    for number, scan in enumerate([*measured[1:], odd]):
        others = [other for at, other in enumerate([*measured[1:], odd]) if at != number]
        inside.append((np.abs(scan.errors_mm) <= calibrate_bars(others).half_widths_mm(scan.scales_mm)).mean())
    assert alone.coverage == pytest.approx(np.mean(inside))
    assert alone.coverage < 0.8


def test_one_scan_calibrates_but_measures_no_coverage():
    bars = calibrate_bars(scans(1))
    assert (bars.scans, bars.coverage, bars.rank_scans) == (1, None, None)


@pytest.mark.parametrize("count", [2, 7, 8])
def test_no_rank_correlation_under_eight_values(count):
    assert (calibrate_bars(scans(count)).rank_scans is not None) == (count >= 8)
    assert rank_correlation([1.0] * 9, np.arange(9.0)) is None


def test_they_come_back_from_the_run_folder(tmp_path):
    bars = {"gap": calibrate_bars(scans(9)), "route": calibrate_bars(scans(1))}
    assert read_error_bars(tmp_path) == {}
    config = {"spacing_mm": [2.0, 2.0, 3.0], "view_size": [32, 32, 32], "unit_mm": 100.0, "views": 4, "steps": 50}
    write_config(tmp_path, config)
    write_split(tmp_path, {"k1": "a.nii"}, {"k2": "b.nii"})
    write_error_bars(tmp_path, bars, run_of(tmp_path))
    assert read_error_bars(tmp_path) == bars
    write_config(tmp_path, {**config, "seed": 7})
    with pytest.raises(InputError, match="the error bars of this run: .* got those of another run"):
        read_error_bars(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["{", json.dumps({"gap": {"axis_factors": [1, 2]}}), json.dumps([1]),
     json.dumps({"gap": {"scans": 1}}), json.dumps({"gap": asdict(calibrate_bars(scans(2))) | {"length_factor": -1.0}}),
     json.dumps({"gap": asdict(calibrate_bars(scans(2))) | {"axis_factors": [1.0, 2.0]}})],
)  # fmt: skip
def test_damaged_ones_are_named(tmp_path, content):
    (tmp_path / ERROR_BARS_FILE).write_text(content)
    with pytest.raises(InputError, match=r"wanted .*Do this"):
        read_error_bars(tmp_path)
