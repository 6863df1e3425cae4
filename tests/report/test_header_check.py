"""The check of headers, with a model that makes no errors and on made-up measurements."""

import numpy as np
import pytest

from orienteer.report.faults import COMMON_FAULTS, SOUND, Fault
from orienteer.report.header_check import ENOUGH_SOUND, calibrate, relative_misfit
from orienteer.report.linear_map import ideal_map, linear_map_of
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import Fit, ScanMeasurement
from tests.helpers.oracle import coded_scan, with_fault

MIRRORED = Fault(mirrored=(0,))


@pytest.fixture(scope="module")
def sound(oracle):
    """Three sound scans as the oracle measures them."""
    return [measure_scan(oracle, coded_scan(np.random.default_rng(seed), f"s{seed}"), sets=2) for seed in range(3)]


@pytest.mark.parametrize("fault", COMMON_FAULTS[:6], ids=lambda fault: fault.name)
def test_a_perfect_model_gives_the_ideal_map_and_the_fault(oracle, coded, sound, fault):
    measured = measure_scan(oracle, with_fault(coded, fault), sets=3)
    np.testing.assert_allclose(linear_map_of(measured), ideal_map(fault), atol=1e-3)
    verdict = calibrate(sound).judge(measured)
    assert verdict.flagged
    assert verdict.fault == fault
    assert verdict.map_reading == fault
    assert verdict.misfits[fault] < 0.01 < verdict.misfits[SOUND]


def test_a_perfect_model_does_not_flag_a_sound_scan(oracle, sound):
    verdict = calibrate(sound).judge(measure_scan(oracle, coded_scan(np.random.default_rng(9)), sets=3))
    assert not verdict.flagged
    assert verdict.fault is None
    assert verdict.map_reading == SOUND


def made_up(name: str, sound_misfit: float, mirrored_misfit: float) -> ScanMeasurement:
    true = np.random.default_rng(0).normal(size=(12, 3)) * 40
    claimed = {"a": np.full(3, 100.0)}
    fits = {
        reading: Fit({"a": np.full(3, 100.0 * misfit**2)}, claimed)
        for reading, misfit in ((SOUND, sound_misfit), (MIRRORED, mirrored_misfit))
    }
    return ScanMeasurement(name, name, {}, true, {"a": true}, np.ones(2), None, fits)


def test_about_one_sound_scan_in_twenty_is_flagged():
    """Each check is calibrated with 40 scans only, so the rate is taken over many checks."""
    rng, flagged = np.random.default_rng(1), []
    for _ in range(40):
        gains = np.exp(rng.normal(-0.1, 0.2, 80))
        check = calibrate([made_up(f"{n}", 0.1, 0.1 / gain) for n, gain in enumerate(gains[:40])])
        assert check.calibrated
        flagged += [check.judge(made_up("new", 0.1, 0.1 / gain)).flagged for gain in gains[40:]]
    assert 0.02 < np.mean(flagged) < 0.06


def test_with_few_sound_scans_only_scores_beyond_all_of_them_are_flagged():
    few = [made_up(f"{n}", 0.1, 0.1 + 0.01 * n) for n in range(4)]
    check = calibrate(few)
    assert not check.calibrated
    assert len(few) < ENOUGH_SOUND
    assert not check.judge(made_up("as the best of them", 0.1, 0.1)).flagged
    verdict = check.judge(made_up("mirrored", 0.2, 0.1))
    assert verdict.flagged
    assert verdict.fault == MIRRORED
    assert verdict.as_suspicious == 0
    assert verdict.margin == pytest.approx(0.5)


def test_a_reading_that_the_model_always_prefers_raises_no_alarm():
    check = calibrate([made_up(f"{n}", 0.5, 0.4) for n in range(20)])
    assert not check.judge(made_up("like all", 0.5, 0.4)).flagged
    assert check.judge(made_up("far more", 0.5, 0.2)).flagged


def test_a_scan_that_is_not_recognised_is_not_flagged():
    check = calibrate([made_up(f"{n}", 0.1, 0.12) for n in range(20)])
    lost = check.judge(made_up("another part of the body", 1.2, 0.8))
    assert lost.score > check.threshold
    assert not lost.recognised
    assert not lost.flagged
    assert lost.fault is None


def test_a_header_that_fits_best_as_stated_is_never_flagged():
    check = calibrate([made_up(f"{n}", 0.1, 0.2 + 0.001 * n) for n in range(30)])
    assert not check.judge(made_up("nearly as good undone", 0.1, 0.101)).flagged
    assert check.judge(made_up("better undone", 0.1, 0.099)).flagged


def test_axes_are_weighted_by_the_models_accuracy():
    fit = Fit({"a": np.array([1.0, 100.0, 1.0])}, {"a": np.array([100.0, 100.0, 100.0])})
    assert relative_misfit(fit, {"a": np.array([1.0, 100.0, 1.0])}) < relative_misfit(fit, {"a": np.ones(3)})


def test_without_scans_there_is_no_check():
    assert calibrate([]) is None
