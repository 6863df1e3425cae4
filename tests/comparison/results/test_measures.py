"""The sections on what was measured."""

from dataclasses import replace

from orienteer.comparison.results.measures import _section
from orienteer.comparison.results.summary import ALL_FRACTIONS, MEASURES, Line

DICE = next(measure for measure in MEASURES if measure.metric == "dice_mean")
ERROR = next(measure for measure in MEASURES if measure.unit == "mm")


def line(method: str, fraction: str, mean: float, against: str = "") -> Line:
    return Line("d", "finetune", "dice_mean", "", method, fraction, against, mean, mean - 0.1, mean + 0.1, 3, 5)


def test_columns_are_shares_with_the_mean_last():
    lines = [line("a", ALL_FRACTIONS, 0.6), line("a", "1", 0.7), line("a", "0.01", 0.5), line("b", "1", 0.8)]
    section = _section(DICE, lines, ())
    assert section.means.fractions == ("1 %", "100 %", "mean")
    assert section.means.rows == (
        ("a", "0.50 (0.40 to 0.60)", "0.70 (0.60 to 0.80)", "0.60 (0.50 to 0.70)"),
        ("b", "", "0.80 (0.70 to 0.90)", ""),
    )
    assert section.over_fractions
    assert (section.best.method, section.best.mean) == ("b", 0.8)


def test_less_error_is_better_and_has_as_many_digits_as_its_interval_allows():
    lines = [replace(line(name, "", mean), unit="mm") for name, mean in (("a", 3.14159), ("b", 2.0))]
    section = _section(ERROR, lines, ())
    assert section.best.method == "b"
    assert section.means.fractions == ("",)
    assert section.means.rows[0] == ("a", "3.1 (3.0 to 3.2)")
    assert not section.over_fractions


def test_differences_are_signed_and_apart():
    lines = [line("a", "1", 0.7), line("b", "1", 0.8), line("b", "1", 0.1, against="a")]
    section = _section(DICE, lines, ("a", "other"))
    assert list(section.differences) == ["a"]
    assert section.differences["a"].rows == (("b", "+0.10 (+0.00 to +0.20)"),)
