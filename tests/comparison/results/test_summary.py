"""The summary: means, paired differences and means over fractions of hand-made rows; and its file."""

from dataclasses import astuple

import pytest

from orienteer.comparison.results.summary import ALL_FRACTIONS, read_summary_table, summarise, write_summary_table
from orienteer.comparison.results.table import Row


def row(method, fraction, seed, case, value, downstream="finetune", metric="dice_mean"):
    return Row("d", downstream, method, fraction, seed, case, metric, "", value, "h", None, None, None, "0")


ROWS = [
    row(method, fraction, seed, case, base + fraction + 0.1 * seed)
    for method, base in (("scratch", 0.0), ("default", 0.25))
    for fraction in (0.25, 0.5)
    for seed in (0, 1)
    for case in "ab"
]


def lines_by(lines):
    return {(line.method, line.fraction, line.against): line for line in lines}


def test_means_are_over_seeds_and_cases_and_differences_are_paired():
    lines = lines_by(summarise(ROWS, ["scratch"]))
    assert lines["scratch", "0.25", ""].mean == pytest.approx(0.3)
    assert lines["default", "0.5", ""].mean == pytest.approx(0.8)
    difference = lines["default", "0.5", "scratch"]
    # every pair differs by the same, however much seeds differ: the interval has no width
    assert (difference.mean, difference.low, difference.high) == pytest.approx((0.25, 0.25, 0.25))
    assert (difference.seeds, difference.cases) == (2, 2)
    assert lines["default", "0.5", ""].low < 0.8 < lines["default", "0.5", ""].high


def test_the_mean_over_fractions_needs_all_of_them():
    lines = lines_by(summarise(ROWS, []))
    assert lines["default", ALL_FRACTIONS, ""].mean == pytest.approx((0.55 + 0.8) / 2)
    partial = [row for row in ROWS if (row.method, row.fraction) != ("default", 0.5)]
    lines = lines_by(summarise(partial, []))
    assert ("default", ALL_FRACTIONS, "") not in lines
    assert ("scratch", ALL_FRACTIONS, "") in lines


def test_one_fraction_has_no_mean_over_fractions_and_a_method_no_difference_to_itself():
    lines = lines_by(summarise([row for row in ROWS if row.fraction == 0.5], ["scratch"]))
    assert set(lines) == {("scratch", "0.5", ""), ("default", "0.5", ""), ("default", "0.5", "scratch")}


def test_metrics_that_are_not_summarised_are_left_out():
    assert summarise([row("default", 0.5, 0, "a", 0.5, metric="dice liver")], []) == []


def test_the_file_gives_back_what_was_written_to_five_digits(tmp_path):
    lines = summarise(ROWS, ["scratch"])
    again = read_summary_table(write_summary_table(tmp_path, lines))
    assert len(again) == len(lines)
    for line, other in zip(lines, again, strict=True):
        assert astuple(other)[:7] == astuple(line)[:7]
        assert astuple(other)[7:] == pytest.approx(astuple(line)[7:], rel=1e-4)
