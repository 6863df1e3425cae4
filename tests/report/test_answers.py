"""The first page in words: graded, with how sure it is and how many false alarms to expect."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.report.answers import answers, in_unit, learned, next_step
from orienteer.report.faults import Fault
from orienteer.report.findings import Findings, ObservedScan, averaged, worst_first, worth_drawing
from orienteer.report.header_check import calibrate
from orienteer.report.headline import headlines
from orienteer.report.measure import measure_scan
from orienteer.report.page import in_short
from orienteer.runs.error_bars import ErrorBars
from tests.helpers.oracle import coded_scan, with_fault

BARS = ErrorBars(0.91, 0.45, 0.6, axis_factors=(1.0, 1.0, 1.0), length_factor=1.0, scans=12)


@pytest.fixture(scope="module")
def sound(oracle) -> tuple[ObservedScan, ...]:
    """Ten sound scans, measured by the oracle."""
    scans = [measure_scan(oracle, coded_scan(np.random.default_rng(seed), f"s{seed}"), sets=2) for seed in range(10)]
    check = calibrate(scans)
    return tuple(ObservedScan(scan, check.judge(scan)) for scan in scans)


@pytest.fixture(scope="module")
def findings(oracle, sound) -> Findings:
    own = tuple(scan.measurement for scan in sound)
    return Findings(oracle, sound, True, {}, own, calibrate(own), (), (), {"oracle": BARS})


@pytest.fixture(scope="module")
def mirrored(oracle, findings) -> ObservedScan:
    """A mirrored scan, which is flagged."""
    scan = with_fault(coded_scan(np.random.default_rng(99), "mirrored"), Fault(mirrored=(0,)))
    measured = measure_scan(oracle, scan, sets=2)
    observed = ObservedScan(measured, findings.header_check.judge(measured))
    assert observed.flagged
    return observed


def answer_about(findings: Findings, about: str) -> tuple[str, str, str]:
    (answer,) = [each for each in answers(findings, headlines(averaged(findings.scans))) if about in each.question]
    return answer.short, answer.words, answer.tone


def test_an_oracle_has_learned_gaps_and_the_terminal_says_so(findings):
    short, words, tone = answer_about(findings, "How far apart")
    assert (short, tone) == ("yes, clearly", "good")
    trivial = np.median([scan.measurement.trivial_mm for scan in findings.scans])
    assert words.startswith(f"0 mm (median of 10 scans, 0 mm to 0 mm); always predicting zero: {trivial:.0f} mm.")
    assert words.endswith("Better on 10 of 10 scans.")
    first, then = in_short(findings)
    assert first.startswith("Learned: how far apart two places are, and in which direction, to 0 mm (always predicting")
    assert "orienteer explore oracle --scan FILE" in then


def test_one_wrong_header_is_named_beside_the_false_alarms_to_expect(findings, mirrored):
    short, words, tone = answer_about(replace(findings, scans=(*findings.scans, mirrored)), "headers")
    assert "1 of 11 looks wrong (1 clearly). Were all 11 sound, about 0.2 would be flagged by mistake." in words
    assert "10 held-out scans set the threshold, 19 are needed" in words
    assert (short, tone) == ("1 of 11 probably not", "bad")  # it is clear
    weak = replace(mirrored, verdict=replace(mirrored.verdict, weights={mirrored.verdict.fault: 1.0}))
    short, words, tone = answer_about(replace(findings, scans=(*findings.scans, weak)), "headers")
    assert "1 of 11 looks wrong (1 possibly)" in words
    assert (short, tone) == ("1 to look at, perhaps flagged by chance", "doubt")  # 17 % of such collections have one
    short, words, tone = answer_about(replace(findings, scans=(*findings.scans, weak, weak)), "headers")
    assert (short, tone) == ("2 of 12 probably not", "bad")  # 1.5 % have two


def test_many_wrong_headers_are_doubted_rather_than_stated(findings, mirrored):
    short, words, tone = answer_about(replace(findings, scans=(mirrored,) * 5), "headers")
    assert (short, tone) == ("unlikely that all are wrong", "doubt")
    assert "check one by eye first" in words


def test_scans_that_are_not_recognised_are_not_called_right_or_wrong(findings):
    strange = [replace(scan, verdict=replace(scan.verdict, recognised=False)) for scan in findings.scans]
    short, words, tone = answer_about(replace(findings, scans=(strange[0],)), "headers")
    assert (short, tone) == ("cannot be judged", "doubt")
    assert words.startswith("It is not recognised, perhaps another anatomy than the run's")
    short, words, _ = answer_about(replace(findings, scans=(*findings.scans[:9], strange[9])), "headers")
    assert short == "nothing suspicious"
    assert words.startswith("None of 9 looks wrong. Were all 9 sound, about 0.1 would be flagged by mistake.")
    assert "1 is not recognised" in words


def test_sound_headers_and_a_missing_check(findings):
    assert answer_about(findings, "headers")[0] == "nothing suspicious"
    assert answer_about(replace(findings, header_check=None), "headers")[::2] == ("not checked", "none")


def test_scans_that_look_wrong_are_not_in_the_medians(findings, mirrored):
    assert averaged((*findings.scans, mirrored)) == findings.scans
    assert averaged((mirrored,)) == (mirrored,)
    (with_it,) = headlines(averaged((*findings.scans, mirrored)))
    assert with_it == headlines(findings.scans)[0]


@pytest.mark.parametrize(
    ("coverage", "rank", "short", "tone"),
    [
        (0.91, 0.45, "yes", "good"),
        (0.91, 0.1, "on average", "doubt"),
        (0.6, 0.45, "too narrow", "bad"),
        (0.8, 0.45, "too narrow", "doubt"),
        (0.98, 0.45, "too wide", "doubt"),
        (None, None, "not known", "none"),
    ],
)
def test_error_bars_are_graded_by_what_they_cover(findings, coverage, rank, short, tone):
    bars = {"oracle": replace(BARS, coverage=coverage, rank_gaps=rank)}
    assert answer_about(replace(findings, bars=bars), "error bars")[::2] == (short, tone)


def test_error_bars_longer_than_the_error_of_predicting_zero_are_of_no_use(findings):
    def with_scales(length_mm: float) -> Findings:
        scans = []
        for scan in findings.scans:
            scales = {"oracle": np.full_like(scan.measurement.true_mm, length_mm / 3**0.5)}
            scans.append(replace(scan, measurement=replace(scan.measurement, scales_mm=scales)))
        return replace(findings, scans=tuple(scans))

    short, words, tone = answer_about(with_scales(12.0), "error bars")
    assert "On these scans they are 12 mm long (median)." in words
    assert (short, tone) == ("yes", "good")
    short, words, tone = answer_about(with_scales(900.0), "error bars")
    assert "On these scans they are 900 mm long (median), longer than the" in words
    assert (short, tone) == ("too long to be of use", "bad")


def test_few_scans_are_not_certain(findings):
    short, words, _ = answer_about(replace(findings, scans=findings.scans[:3]), "How far apart")
    assert short == "not certain"
    assert words.endswith("Better on 3 of 3 scans. So few scans cannot decide it.")


def test_what_was_not_learned_is_said_and_more_training_advised(findings):
    numbers = headlines(findings.scans)
    worse = [replace(numbers[0], compared=replace(numbers[0].compared, grade="worse", ratio=1.2))]
    assert learned(findings, worse) == "Not better than its baseline: gap between two places."
    few = headlines(findings.scans[:2])
    words = "Perhaps learned, the scans are too few to be sure: how far apart two places are, and in which direction, to 0 mm"
    assert learned(findings, few).startswith(words)
    assert "train longer" in next_step(findings, worse)
    assert learned(replace(findings, scans=()), ()) == "Nothing could be measured."
    assert "could be used" in next_step(replace(findings, scans=()), ())


def test_suspicious_new_scans_come_before_all_else(findings, mirrored):
    with_it = replace(findings, scans=(*findings.scans, mirrored))
    assert next_step(with_it, headlines(findings.scans)) == (
        "Next: look at the scans whose header or anatomy is unusual: mirrored."
    )
    assert worst_first(with_it.scans)[0] is mirrored


def test_the_worst_scans_are_drawn_and_an_average_one(findings):
    errors = [scan.measurement.error_mm for scan in worst_first(findings.scans)]
    assert errors == sorted(errors, reverse=True)
    drawn = worth_drawing(findings.scans, 3)
    ordered = worst_first(findings.scans)
    assert drawn == (ordered[0], ordered[1], ordered[5])
    assert worth_drawing(findings.scans, 99) == ordered
    assert worth_drawing(findings.scans, 1) == ordered[:1]
    assert worth_drawing(findings.scans, 0) == ()


def test_lengths_are_whole_mm():
    assert [in_unit(value, "mm") for value in (47.62, 1.26, 0.0)] == ["48 mm", "1.3 mm", "0 mm"]
