"""Judging the header of one scan, by a reader and by the gaps of a model that makes no errors."""

import numpy as np
import pytest

from orienteer.report.faults import SOUND, Fault
from orienteer.report.header_check import HeaderCheck, calibrate
from orienteer.report.judging import judge_header
from orienteer.report.measure import measure_scan
from tests.helpers.oracle import coded_scan, with_fault
from tests.report.test_header_check import looked_at

UPSIDE_DOWN = Fault(mirrored=(2,))


@pytest.fixture(scope="module")
def check(oracle) -> HeaderCheck:
    """Limits from scans that a reader and a perfect model see."""
    rng = np.random.default_rng(0)
    scans = [coded_scan(np.random.default_rng(seed), f"s{seed}") for seed in range(6)]
    check = calibrate([measure_scan(oracle, scan, sets=2, header=looked_at(rng).header) for scan in scans])
    assert check is not None
    return check


def flagged(oracle, scan):
    return measure_scan(
        oracle, scan, sets=2, readings=(), header=looked_at(np.random.default_rng(1), UPSIDE_DOWN).header
    )


def test_a_wrong_header_is_named_with_the_fit_of_the_fault_undone(oracle, coded, check):
    faulty = with_fault(coded, UPSIDE_DOWN)
    measured, verdict = judge_header(oracle, check, faulty, flagged(oracle, faulty))
    assert verdict.flagged
    assert verdict.fault.mirrored[-1:] == (2,)
    assert verdict.misfits[UPSIDE_DOWN] < 0.01 < verdict.misfits[SOUND]
    assert UPSIDE_DOWN in measured.fits


def test_a_scan_whose_gaps_fit_with_no_possible_fault_undone_is_not_recognised(oracle, coded, check):
    """The reader calls a sound scan upside down: the gaps say that it is not."""
    measured = flagged(oracle, coded)
    assert check.judge(measured).flagged
    assert not judge_header(oracle, check, coded, measured)[1].flagged
    assert not judge_header(oracle, check, coded, measured)[1].recognised


def test_a_scan_of_a_modality_that_the_run_never_saw_is_not_recognised(oracle, coded, check):
    faulty = with_fault(coded, UPSIDE_DOWN)
    measured = flagged(oracle, faulty)
    for modalities, recognised in ((frozenset({coded.modality}), True), (frozenset({"PT"}), False), ((), True)):
        verdict = judge_header(oracle, check, faulty, measured, modalities)[1]
        assert verdict.recognised == recognised
        assert verdict.flagged == recognised
