"""Error bars: calibrated on errors whose distribution is known, measured on scans that did not calibrate them."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.runs.error_bars import LAPLACE_REACH, ScanErrors, calibrate_bars, rank_correlation
from orienteer.runs.error_bars_file import ERROR_BARS_FILE, read_error_bars, run_of, write_error_bars
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


def with_spreads(count: int, follow: bool, gaps: int = 400) -> list[ScanErrors]:
    """Errors whose size follows the spread, and not the scale that is predicted; or neither."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        spreads = rng.uniform(2, 40, gaps) * (1 + number)
        size = spreads if follow else rng.permutation(spreads)
        made.append(ScanErrors(rng.laplace(0, 1, (gaps, 3)) * size[:, None], rng.uniform(8, 12, (gaps, 3)), spreads))
    return made


def test_bars_with_the_spread_follow_errors_that_the_scale_does_not():
    bars = calibrate_bars(with_spreads(10, follow=True))
    assert abs(bars.rank_gaps) < 0.1
    assert bars.with_spread.rank_gaps > 0.4
    assert bars.with_spread.rank_scans > 0.9
    assert bars.best is bars.with_spread
    assert bars.with_spread.powers[1] == pytest.approx(1.0, abs=0.15)
    assert bars.with_spread.coverage == pytest.approx(0.9, abs=0.03)


def test_bars_with_the_spread_cover_90_percent_of_new_errors():
    measured = with_spreads(16, follow=True)
    bars, new = calibrate_bars(measured[::2]), measured[1::2]
    inside = [np.abs(scan.errors_mm) <= bars.half_widths_mm(scan.scales_mm, scan.spreads_mm) for scan in new]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)
    short = [np.linalg.norm(s.errors_mm, axis=1) <= bars.radii_mm(s.scales_mm, s.spreads_mm) for s in new]
    assert np.mean(short) == pytest.approx(0.9, abs=0.03)


def test_a_spread_that_follows_nothing_within_a_scan_ranks_nothing_there():
    scans = with_spreads(9, follow=False)
    bars = calibrate_bars([ScanErrors(s.errors_mm / (1 + n), s.scales_mm, s.spreads_mm) for n, s in enumerate(scans)])
    assert abs(bars.with_spread.rank_gaps) < 0.15


def test_without_spreads_or_with_two_scans_the_scales_alone_are_used():
    assert calibrate_bars(scans(4)).with_spread is None
    two = calibrate_bars(with_spreads(2, follow=True))
    assert two.with_spread is None
    one = with_spreads(1, follow=True)[0]
    np.testing.assert_array_equal(two.half_widths_mm(one.scales_mm, one.spreads_mm), two.half_widths_mm(one.scales_mm))


def test_scans_that_differ_get_wider_bars_so_that_a_further_one_is_covered():
    """Scans of very different difficulty: factors that suit them all on average are too narrow for the next."""
    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        hard = np.exp(rng.normal(0, 0.6, 6))
        made = [ScanErrors(rng.laplace(0, each, (200, 3)), np.ones((200, 3))) for each in hard]
        bars = calibrate_bars(made[:5])
        covered.append((np.abs(made[5].errors_mm) <= bars.half_widths_mm(made[5].scales_mm)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.04)


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
    bars = {
        "gap": calibrate_bars(scans(9)),
        "route": calibrate_bars(scans(1)),
        "dense_gap": calibrate_bars(with_spreads(4, follow=True)),
    }
    assert read_error_bars(tmp_path) == {}
    config = {"spacing_mm": [2.0, 2.0, 3.0], "view_size": [32, 32, 32], "unit_mm": 100.0, "views": 4, "steps": 50}
    write_config(tmp_path, config)
    write_split(tmp_path, {"k1": "a.nii"}, {"k2": "b.nii"})
    write_error_bars(tmp_path, bars, run_of(tmp_path))
    assert read_error_bars(tmp_path) == {name: replace(each, with_spread=None) for name, each in bars.items()}
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
