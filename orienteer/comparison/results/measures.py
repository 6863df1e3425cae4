"""The sections of the page on what was measured: a plot and tables for each measure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orienteer.comparison.plan.measurements import BASELINES
from orienteer.comparison.results.story import Story
from orienteer.comparison.results.summary import (
    ALL_FRACTIONS,
    MEASURES,
    Line,
    Measure,
    digits,
    fraction_rows,
    fraction_words,
)
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.intervals import Interval, curves_over_share, dots_with_intervals
from orienteer.draw.palette import GREY
from orienteer.runs.weights import SCRATCH

REFERENCES = (SCRATCH, *(baseline for names in BASELINES.values() for baseline in names))
"""Drawn in grey: the network without pretraining, and the baselines that need no network."""

CHANCE = 0.5
"""Level of a guess between two sides."""


@dataclass(frozen=True)
class Table:
    """Means with their intervals.

    Attributes:
        fractions: names of the columns; an empty one where no labels are used.
        rows: a method and its cells.
    """

    fractions: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class MeasureSection:
    """One measure.

    Attributes:
        measure: its name, unit and direction.
        png: the plot.
        over_fractions: whether the plot is over the share of the labels.
        best: the line with the best mean.
        means: the table of means.
        differences: tables of paired differences, by the method that they are taken to.
    """

    measure: Measure
    png: bytes
    over_fractions: bool
    best: Line
    means: Table
    differences: dict[str, Table]


@dataclass(frozen=True)
class FinetuneSettings:
    """The settings of the fine-tunings.

    Attributes:
        keys: names of the settings.
        common: their values, if all fine-tunings have the same; else None.
        fractions: names of the columns.
        rows: a method and its values for each fraction.
    """

    keys: tuple[str, ...]
    common: str | None
    fractions: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measure_sections(story: Story, kind: str) -> list[MeasureSection]:
    """Returns the measures of one kind of cell that have results."""
    sections = []
    for measure in MEASURES:
        lines = [line for line in story.lines if (line.downstream, line.metric) == (kind, measure.metric)]
        if measure.downstream == kind and lines:
            sections.append(_section(measure, lines, story.config.against))
    return sections


def finetune_settings(story: Story) -> FinetuneSettings:
    """Returns the settings of each fine-tuning, with what was selected."""
    used: dict[str, dict[str, str]] = defaultdict(dict)
    keys = tuple(dict.fromkeys(("learning_rate", "layer_decay", "schedule", *story.config.select)))
    for entry in story.entries:
        if entry.cell.kind == "finetune" and not entry.candidate and entry.cell.fraction is not None:
            used[entry.name][f"{entry.cell.fraction:g}"] = ", ".join(str(entry.cell.settings[key]) for key in keys)
    fractions = [f"{fraction:g}" for fraction in sorted(story.config.fractions)]
    values = {value for by_fraction in used.values() for value in by_fraction.values()}
    return FinetuneSettings(
        keys=keys,
        common=values.pop() if len(values) == 1 else None,
        fractions=tuple(fraction_words(float(fraction)) for fraction in fractions),
        rows=tuple((name, *(by.get(fraction, "") for fraction in fractions)) for name, by in used.items()),
    )


def retrieval_levels(story: Story) -> list[tuple[str, str, str, str]]:
    """Returns method, seed, level and the errors on validation cases of each retrieval that chose a level."""
    rows = []
    for entry in story.entries:
        result = story.records.get(entry.cell.hash)
        if entry.cell.kind == "retrieval" and result is not None and "level" in result["facts"]:
            errors = ", ".join(f"{name} {error:.1f}" for name, error in result["facts"]["validation_error_mm"].items())
            rows.append((entry.name, str(entry.cell.seed), result["facts"]["level"], errors))
    return rows


def _section(measure: Measure, lines: Sequence[Line], against: Sequence[str]) -> MeasureSection:
    means = [line for line in lines if not line.against]
    compared = {other: [line for line in lines if line.against == other] for other in against}
    compared = {other: differences for other, differences in compared.items() if differences}
    png, over_fractions = _plot(measure, means, next(iter(compared.items()), None))
    return MeasureSection(
        measure=measure,
        png=png,
        over_fractions=over_fractions,
        best=(max if measure.better == "more" else min)(means, key=lambda line: line.mean),
        means=_table(measure, means),
        differences={other: _table(measure, differences, signed=True) for other, differences in compared.items()},
    )


def _plot(measure: Measure, lines: Sequence[Line], compared: tuple[str, Sequence[Line]] | None) -> tuple[bytes, bool]:
    """Returns a plot of means with intervals from zero on, beside it paired differences, and whether it is over shares."""
    what = f"{measure.words}, {measure.unit}" if measure.unit else measure.words
    panels = [(what, lines, False)]
    if compared is not None:
        panels.append((f"paired difference to “{compared[0]}”", compared[1], True))
    over_fractions = bool(_curves(lines))
    figure = new_figure(1200, 520 if over_fractions else 150 + 42 * len(lines))
    for axes, (words, shown, signed) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        if over_fractions:
            curves_over_share(axes, _curves(shown), words, REFERENCES, zero=not signed)
            if signed:
                axes.axhline(0, color=GREY, linewidth=1)
            continue
        rows = [(line.method, (line.mean, line.low, line.high)) for line in shown]
        level = 0.0 if signed else CHANCE if measure.metric.endswith("_accuracy") else None
        dots_with_intervals(axes, rows, words, level, REFERENCES, zero=not signed)
    return to_png(figure), over_fractions


def _curves(lines: Sequence[Line]) -> dict[str, dict[float, Interval]]:
    """Returns the lines over the share of the labels, by method."""
    curves: dict[str, dict[float, Interval]] = defaultdict(dict)
    for line in lines:
        if line.fraction not in ("", ALL_FRACTIONS):
            curves[line.method][float(line.fraction)] = (line.mean, line.low, line.high)
    return curves


def _table(measure: Measure, lines: Sequence[Line], signed: bool = False) -> Table:
    fractions, rows = fraction_rows(measure, lines, signed, _cell)
    names = [name if name in ("", ALL_FRACTIONS) else fraction_words(float(name)) for name in fractions]
    return Table(tuple(names), tuple(rows))


def _cell(line: Line, form: str) -> str:
    sign = "+" if form.startswith("+") else ""
    shown = f"{sign}z.{digits(line.low, line.high, line.unit)}f"
    return f"{line.mean:{shown}} ({line.low:{shown}} to {line.high:{shown}})"
