"""Shares of faults found and named, with a model that makes no errors."""

import numpy as np

from benchmarks.header_faults import header_figures
from tests.helpers.oracle import coded_scan, oracle_run


def test_a_perfect_model_names_every_fault_and_remarks_on_no_sound_scan():
    scans = [coded_scan(np.random.default_rng(seed), f"s{seed}") for seed in range(5)]
    figures = header_figures(oracle_run(), scans[:3], scans[3:], sets=2, faults_per_scan=3)
    assert (figures["scans_for_thresholds"], figures["scans_tested"], figures["faults_tried"]) == (3, 2, 6)
    assert figures["faults_found"] == figures["faults_named"] == figures["faults_distinguishable"] == 1.0
    assert figures["sound_flagged"] == figures["faults_named_wrongly"] == 0.0
    assert [row["fault"] for row in figures["rows"][:2]] == ["mirrored left-right", "mirrored back-front"]
    assert all(row["verdict"] == row["fault"] for row in figures["rows"])


def test_with_too_few_scans_nothing_is_judged():
    scans = [coded_scan(np.random.default_rng(seed), f"s{seed}") for seed in range(3)]
    figures = header_figures(oracle_run(), scans[:2], scans[2:], sets=1, faults_per_scan=1)
    assert figures["faults_tried"] == 0
    assert figures["faults_named"] is None
    assert figures["threshold"] is None
