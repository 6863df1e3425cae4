"""The benchmark of header faults, with a model that makes no errors."""

from functools import partial

import numpy as np

from benchmarks.header_faults import header_values, rate, share_over_scans
from orienteer.report.measure import measure_scan
from tests.helpers.oracle import coded_scan, oracle_run


def test_a_perfect_model_finds_and_names_what_is_tried_and_flags_nothing_else():
    scans = [coded_scan(np.random.default_rng(seed), f"s{seed}") for seed in range(5)]
    measure = partial(measure_scan, oracle_run(), sets=2)
    values = header_values(measure, [measure(scan) for scan in scans[:3]], scans[3:], 3, ["reader", "misfit"])
    assert values["misfit"]["faults"]["all"]["tried"] == 6
    for key in ("found", "named", "among"):
        assert values["misfit"]["faults"]["all"][key]["share"] == 1.0
    assert values["misfit"]["sound_flagged"]["count"] == 0
    assert values["reader"] is None  # the model has none


def test_with_too_few_scans_nothing_is_judged():
    scans = [coded_scan(np.random.default_rng(seed), f"s{seed}") for seed in range(3)]
    measure = partial(measure_scan, oracle_run(), sets=1)
    assert header_values(measure, [measure(scan) for scan in scans[:2]], scans[2:], 1, ["misfit"])["misfit"] is None


def test_intervals_widen_with_the_differences_between_scans():
    alike = [{"scan": scan, "found": at < 3} for scan in "abcdef" for at in range(4)]
    apart = [{"scan": scan, "found": scan in "abcd" or at < 1} for scan in "abcdef" for at in range(4)]
    one, other = (share_over_scans(rows, "found") for rows in (alike, apart))
    assert one["share"] == other["share"] == 0.75
    assert one["low"] == one["high"] == 0.75
    assert other["low"] < 0.6 < 0.9 < other["high"]
    assert rate([True, False])["low"] < 0.02
