"""What the witness says of headers, first with a model that makes no mistakes, then of made-up figures."""

import numpy as np
import pytest

from orienteer.report.scan_errors import SOUND, Fit, ScanFigures, measure_scan
from orienteer.report.spoil import FAULTS, Fault
from orienteer.report.trust import (
    ENOUGH_SOUND,
    ideal_map,
    learn_sound,
    linear_map,
    linear_map_of,
    nearest_ideal,
    rank_correlation,
    relative_misfit,
)
from tests.helpers.oracle import coded_scan, with_fault

MIRRORED = Fault(mirrored=(0,))


@pytest.fixture(scope="module")
def sound(oracle):
    """Three sound scans as the oracle measures them."""
    return [measure_scan(oracle, coded_scan(np.random.default_rng(seed), f"s{seed}"), sets=2) for seed in range(3)]


@pytest.mark.parametrize("fault", FAULTS[:6], ids=lambda fault: fault.name)
def test_a_perfect_witness_shows_the_ideal_map_and_names_the_fault(oracle, coded, sound, fault):
    figures = measure_scan(oracle, with_fault(coded, fault), sets=3)
    np.testing.assert_allclose(linear_map_of(figures), ideal_map(fault), atol=1e-3)
    verdict = learn_sound(sound).judge(figures)
    assert verdict.flagged
    assert verdict.fault == fault
    assert verdict.map_reading == fault
    assert verdict.misfits[fault] < 0.01 < verdict.misfits[SOUND]


def test_a_perfect_witness_believes_a_sound_scan(oracle, sound):
    verdict = learn_sound(sound).judge(measure_scan(oracle, coded_scan(np.random.default_rng(9)), sets=3))
    assert not verdict.flagged
    assert verdict.fault is None
    assert verdict.map_reading == SOUND


def test_the_ideal_map_of_a_swap_is_a_permutation():
    assert ideal_map(Fault(swapped=(0, 2))).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_the_linear_map_does_not_follow_a_few_wild_pairs():
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(3, 3))
    true = rng.normal(size=(200, 3)) * 50
    guess = true @ wanted.T + rng.normal(size=(200, 3))
    guess[:10] += 500
    plain = np.linalg.lstsq(true, guess, rcond=None)[0].T
    assert np.abs(linear_map(true, guess) - wanted).max() < 0.1 < np.abs(plain - wanted).max()


def test_a_cautious_model_is_no_fault():
    usual = np.diag([1.0, 0.4, 0.9])
    assert nearest_ideal(usual * 0.97, usual) == SOUND
    assert nearest_ideal(usual @ np.diag([1, 1, -1.0]), usual) == Fault(mirrored=(2,))


def made_up(name: str, sound_misfit: float, mirrored_misfit: float) -> ScanFigures:
    true = np.random.default_rng(0).normal(size=(12, 3)) * 40
    claimed = {"a": np.full(3, 100.0)}
    fits = {
        reading: Fit({"a": np.full(3, 100.0 * misfit**2)}, claimed)
        for reading, misfit in ((SOUND, sound_misfit), (MIRRORED, mirrored_misfit))
    }
    return ScanFigures(name, name, {}, true, {"a": true}, np.ones(2), None, fits)


def test_about_one_sound_scan_in_twenty_is_flagged():
    """Each witness knows 40 scans only, so the rate is that over many witnesses."""
    rng, flagged = np.random.default_rng(1), []
    for _ in range(40):
        gains = np.exp(rng.normal(-0.1, 0.2, 80))
        witness = learn_sound([made_up(f"{n}", 0.1, 0.1 / gain) for n, gain in enumerate(gains[:40])])
        assert witness.calibrated
        flagged += [witness.judge(made_up("new", 0.1, 0.1 / gain)).flagged for gain in gains[40:]]
    assert 0.02 < np.mean(flagged) < 0.06


def test_with_few_sound_scans_only_what_is_beyond_all_of_them_is_flagged():
    few = [made_up(f"{n}", 0.1, 0.1 + 0.01 * n) for n in range(4)]
    witness = learn_sound(few)
    assert not witness.calibrated
    assert len(few) < ENOUGH_SOUND
    assert not witness.judge(made_up("as the best of them", 0.1, 0.1)).flagged
    found = witness.judge(made_up("mirrored", 0.2, 0.1))
    assert found.flagged
    assert found.fault == MIRRORED
    assert found.as_suspicious == 0
    assert found.better == pytest.approx(0.5)


def test_a_reading_that_the_model_always_prefers_raises_no_alarm():
    witness = learn_sound([made_up(f"{n}", 0.5, 0.4) for n in range(20)])
    assert not witness.judge(made_up("like all", 0.5, 0.4)).flagged
    assert witness.judge(made_up("far more", 0.5, 0.2)).flagged


def test_a_model_that_recognises_nothing_is_no_witness():
    witness = learn_sound([made_up(f"{n}", 0.1, 0.12) for n in range(20)])
    lost = witness.judge(made_up("another part of the body", 1.2, 0.8))
    assert lost.score > witness.threshold
    assert not lost.recognised
    assert not lost.flagged
    assert lost.fault is None


def test_a_header_that_fits_best_as_it_is_is_never_flagged():
    witness = learn_sound([made_up(f"{n}", 0.1, 0.2 + 0.001 * n) for n in range(30)])
    assert not witness.judge(made_up("nearly as good undone", 0.1, 0.101)).flagged
    assert witness.judge(made_up("better undone", 0.1, 0.099)).flagged


def test_axes_count_by_how_well_the_model_knows_them():
    fit = Fit({"a": np.array([1.0, 100.0, 1.0])}, {"a": np.array([100.0, 100.0, 100.0])})
    assert relative_misfit(fit, {"a": np.array([1.0, 100.0, 1.0])}) < relative_misfit(fit, {"a": np.ones(3)})


def test_nothing_is_learned_from_nothing():
    assert learn_sound([]) is None


def test_a_rank_correlation_needs_three_scans_that_differ():
    assert rank_correlation([1.0, 2.0], [1.0, 2.0]) is None
    assert rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert rank_correlation([1.0, 2.0, 5.0], [9.0, 4.0, 1.0]) == pytest.approx(-1)
