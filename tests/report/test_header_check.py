"""The check of headers, with a model that makes no errors and on made-up measurements."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.geometry.orientations import ORIENTATION_NUMBER, ORIENTATIONS
from orienteer.headers.evidence import RIGHT_SIZE, WRONG_SIZES, HeaderEvidence
from orienteer.report.fault_evidence import relative_misfit
from orienteer.report.faults import COMMON_FAULTS, ORIENTATION_FAULTS, SOUND, SPACING_FAULTS, Fault
from orienteer.report.header_check import calibrate
from orienteer.report.limits import ENOUGH_SOUND, LEAST_SOUND
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


def made_up(name: str, gain: float, misfit: float = 0.1, fault: Fault = MIRRORED) -> ScanMeasurement:
    """A scan whose misfit falls by a factor, exp(gain), when a fault is undone."""
    true = np.random.default_rng(0).normal(size=(12, 3)) * 40
    stated = {"a": np.full(3, 100.0)}
    fits = {
        reading: Fit({"a": np.full(3, 100.0 * each**2)}, stated)
        for reading, each in ((SOUND, misfit), (fault, misfit * np.exp(-gain)))
    }
    return ScanMeasurement(name, name, {}, true, {"a": true}, np.ones(2), None, fits)


def looked_at(
    rng: np.random.Generator, fault: Fault = SOUND, sides: float = 0.0, follows: float = 0.6
) -> ScanMeasurement:
    """A scan as a reader sees it that tells all orientations but those that differ by left and right.

    Args:
        rng: makes scans differ.
        fault: what is wrong with its header.
        sides: by how much the sound side is likelier, on average.
        follows: by how much what is seen follows a wrong voxel size, 1 if fully.
    """
    logs = np.tile(rng.normal(-6.0, 0.4, 48), (17, 1))
    for number, orientation in enumerate(ORIENTATIONS):  # what differs by the sides alone is as likely
        partner = ORIENTATION_NUMBER[orientation.after(MIRRORED.orientation)]
        if number < partner:
            logs[:, partner] = logs[:, number] + rng.normal(0, 0.02)
    logs[:, 0] = -1.0
    logs[:, ORIENTATION_NUMBER[MIRRORED.orientation]] = -1.0 - sides + rng.normal(0, 0.02 + 0.1 * sides)
    wrong = np.log([RIGHT_SIZE, *WRONG_SIZES])
    sizes = rng.normal(0, 0.5, (17, 48, 3))  # with a wrong orientation undone, anything may be seen
    upright = [0, ORIENTATION_NUMBER[MIRRORED.orientation]]
    sizes[:, upright] = (follows * wrong + rng.normal(0, 0.03, 3))[:, None]
    header = HeaderEvidence(logs, sizes)
    if fault != SOUND:
        look = header.if_faulty(fault.orientation, fault.factors)
        header = HeaderEvidence(np.tile(look.logs, (17, 1)), np.tile(look.sizes, (17, 1, 1)))
    return ScanMeasurement.of_header("a", header)


@pytest.mark.parametrize("scans", [4, 19])
def test_sound_scans_are_hardly_ever_flagged_however_few_the_check_rests_on(scans):
    """The rate is taken over many checks; the sign is as weak as one can be that is used at all."""
    rng, flagged, used = np.random.default_rng(scans), [], 0
    for _ in range(8):
        gains = rng.normal(-0.6, 0.2, scans + 10)
        check = calibrate([made_up(f"{n}", gain) for n, gain in enumerate(gains[:scans])])
        assert check.calibrated == (scans >= ENOUGH_SOUND)
        used += bool(check.distinguishable)
        flagged += [check.judge(made_up("new", gain)).flagged for gain in gains[scans:]]
    assert used > 1
    assert np.mean(flagged) < 0.05


def test_with_few_scans_only_scores_beyond_all_of_them_are_flagged():
    rng = np.random.default_rng(0)
    few = [made_up(f"{n}", gain) for n, gain in enumerate(rng.normal(-1.0, 0.1, 4))]
    check = calibrate(few)
    assert not check.calibrated
    assert check.threshold >= check.scores.max()
    assert not check.judge(made_up("a little", -0.2)).flagged
    verdict = check.judge(made_up("mirrored", 1.0))
    assert verdict.flagged
    assert verdict.fault == MIRRORED
    assert verdict.as_suspicious == 0
    assert verdict.margin > 5


def test_a_sign_that_is_the_same_either_way_says_that_it_cannot_be_told():
    """A reading that the model prefers on sound scans, or that fits as well: never a guess."""
    rng = np.random.default_rng(0)
    for mean in (0.0, 0.3):
        check = calibrate([made_up(f"{n}", gain) for n, gain in enumerate(rng.normal(mean, 0.1, 6))])
        assert check.indistinguishable == {MIRRORED}
        assert not check.distinguishable
        assert not check.judge(made_up("far more", 2.0)).flagged


def test_left_and_right_of_a_brain_cannot_be_told_but_all_else_can():
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng) for _ in range(8)])
    assert check.indistinguishable == {MIRRORED}
    assert not any(check.judge(looked_at(rng)).flagged for _ in range(10))
    assert not any(check.judge(looked_at(rng, MIRRORED)).flagged for _ in range(10))
    named, pairs = [], []
    for fault in (*ORIENTATION_FAULTS[1::3], *SPACING_FAULTS[::2]):
        verdict = check.judge(looked_at(rng, fault))
        assert verdict.flagged
        named.append(fault in (verdict.fault, *verdict.alternatives))
        if fault in ORIENTATION_FAULTS:
            other = Fault.of(fault.orientation.after(MIRRORED.orientation))
            pairs.append({verdict.fault, *verdict.alternatives} == {fault, other})
    assert np.mean(named) > 0.9
    assert np.mean(pairs) > 0.8


def test_left_and_right_are_told_where_the_model_knows_them():
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng, sides=4.0) for _ in range(8)])
    assert not check.indistinguishable
    verdict = check.judge(looked_at(rng, MIRRORED, sides=4.0))
    assert (verdict.fault, verdict.alternatives) == (MIRRORED, ())
    assert not check.judge(looked_at(rng, sides=4.0)).flagged


def test_voxel_sizes_that_look_alike_are_named_together():
    """A reader that follows a wrong voxel size little cannot distinguish 0.5 from 0.6."""
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng, follows=0.25) for _ in range(8)])
    halved, nearly, doubled = (Fault(spacing_factor=factor) for factor in (0.5, 0.6, 2.0))
    verdicts = [check.judge(looked_at(rng, halved, follows=0.25)) for _ in range(8)]
    named = [{verdict.fault, *verdict.alternatives} for verdict in verdicts]
    assert all(verdict.flagged for verdict in verdicts)
    assert sum(halved in each for each in named) >= 6
    assert sum({halved, nearly} <= each for each in named) >= 5
    assert not any(doubled in each for each in named)


def test_beside_a_reader_the_misfit_names_no_fault():
    """It decides only whether a scan that the reader flags fits with one of the possible faults undone."""
    rng = np.random.default_rng(0)

    def both(gain: float, fault: Fault = SOUND) -> ScanMeasurement:
        gaps = made_up("a", gain)
        seen = looked_at(rng, fault, sides=5.0)
        return replace(seen, fits=gaps.fits, true_mm=gaps.true_mm, predicted_mm=gaps.predicted_mm)

    check = calibrate([both(gain) for gain in rng.normal(-1.0, 0.3, 8)])
    scan = both(1.0, MIRRORED)
    verdict, alone = check.judge(scan), check.judge(replace(scan, fits={}))
    assert verdict.recognised
    assert verdict.fault == MIRRORED
    assert verdict.weights == alone.weights
    assert verdict.misfits
    assert not alone.misfits
    assert not check.judge(both(9.0)).flagged
    assert not check.judge(replace(scan, fits=made_up("a", -3.0).fits)).recognised


def test_a_scan_unlike_those_of_the_run_is_not_recognised_by_the_reader():
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng) for _ in range(8)])
    odd = looked_at(rng)
    flat = replace(odd, header=HeaderEvidence(np.full((17, 48), -np.log(48.0)), np.zeros((17, 48, 3))))
    assert not check.judge(flat).recognised
    assert check.judge(odd).recognised


def test_a_scan_that_no_hypothesis_fits_is_not_recognised_by_the_reader():
    """Sure of one orientation, but of a size along one axis that no fault explains: another part of the body."""
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng) for _ in range(8)])
    odd = looked_at(rng, Fault(swapped=(0, 2)))
    sizes = odd.header.sizes + 2.5
    stranger = replace(odd, header=HeaderEvidence(odd.header.logs, sizes))
    anything = dict.fromkeys(check.least_likeness, -np.inf)
    assert replace(check, least_likeness=anything).judge(stranger).flagged
    verdict = check.judge(stranger)
    assert not verdict.recognised
    assert not verdict.flagged
    for fault in (SOUND, Fault(swapped=(0, 2)), Fault(spacing_factor=2.0), Fault(spacing_factor=(1.0, 1.0, 0.5))):
        assert check.judge(looked_at(rng, fault)).recognised


def test_a_scan_that_is_not_recognised_is_not_flagged():
    rng = np.random.default_rng(0)
    check = calibrate([made_up(f"{n}", gain) for n, gain in enumerate(rng.normal(-1.0, 0.1, 6))])
    lost = check.judge(made_up("another part of the body", 1.2, misfit=2.0))
    assert lost.score > check.threshold
    assert not lost.recognised
    assert not lost.flagged
    assert lost.fault is None


def test_two_scans_are_too_few_to_judge_by():
    assert calibrate([made_up("a", -1.0), made_up("b", -1.1)]) is None
    assert calibrate([made_up(f"{n}", -1.0 - 0.1 * n) for n in range(LEAST_SOUND)]) is not None


def test_a_reader_that_does_not_follow_changes_of_voxel_size_finds_none():
    rng = np.random.default_rng(0)
    check = calibrate([looked_at(rng, follows=0.0) for _ in range(6)])
    assert set(SPACING_FAULTS) <= check.indistinguishable


def test_axes_are_weighted_by_the_models_accuracy():
    fit = Fit({"a": np.array([1.0, 100.0, 1.0])}, {"a": np.array([100.0, 100.0, 100.0])})
    assert relative_misfit(fit, {"a": np.array([1.0, 100.0, 1.0])}) < relative_misfit(fit, {"a": np.ones(3)})


def test_without_scans_there_is_no_check():
    assert calibrate([]) is None
