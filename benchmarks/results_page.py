"""The text of docs/results.md: tables of every comparison that is kept, and how far the goals were reached."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.results_goals import goals
from benchmarks.results_tables import Result
from orienteer.comparison.results.summary import ALL_FRACTIONS, MEASURES, Line, Measure, fraction_rows, fraction_words
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.intervals import Interval, curves_over_share
from orienteer.runs.weights import SCRATCH

LEAD = """\
# Results

Which pretraining helps, by how much, and what it costs: measured by [`orienteer compare`](compare.md), every method with the
same scans, network, size of views and labels; how many steps each had is in the command, what they cost in the table of costs.
"scratch" is the twin: the same network with the same seed, not pretrained. [Methods](methods.md) describes the others.

This page is made by `python -m benchmarks.results write` from the tables in `benchmarks/results/`; do not edit it by hand.
Numbers in brackets are 95 % intervals, by resampling seeds and cases. A paired difference is taken seed by seed and case by
case between networks that had the same labels. An interval from one seed does not include the variation between seeds. "mean"
is the mean over all fractions of the labels.
"""

NOTHING = "No comparison is kept yet.\n"


def make_page(
    results: Sequence[Result],
    stability: Sequence[Mapping[str, str]],
    tried: Mapping[str, str] | None = None,
    heldout: Sequence[str] = (),
) -> str:
    """Returns the page.

    Args:
        stability: rows of the stability table.
        tried: by the number of the goal, what was tried to reach it.
        heldout: sections on scans that a run was never trained on.
    """
    parts = [LEAD]
    parts += [_short(result) for result in results]
    parts += heldout
    parts.append("## Goals\n\n" + goals(results, stability, tried))
    parts += [_section(result) for result in results] or [NOTHING]
    return "\n".join(parts)


def picture_name(result: Result) -> str:
    """Returns the file name of the picture of a comparison's curves."""
    return f"results_{result.name}.png"


def pretraining_picture_name(result: Result) -> str:
    """Returns the file name of the picture of a comparison's pretrainings."""
    return f"pretraining_{result.name}.png"


def curves_picture(result: Result) -> bytes | None:
    """Returns Dice after fine-tuning over the share of the labels as a small PNG; None where it was not measured."""
    curves: dict[str, dict[float, Interval]] = defaultdict(dict)
    for line in result.lines:
        wanted = (line.downstream, line.metric, line.against) == ("finetune", "dice_mean", "")
        if wanted and line.fraction != ALL_FRACTIONS:
            curves[line.method][float(line.fraction)] = (line.mean, line.low, line.high)
    if not curves:
        return None
    drawn = new_figure(800, 420)
    curves_over_share(drawn.subplots(), curves, "Dice after fine-tuning", (SCRATCH,))
    return to_png(drawn)


IN_SHORT = (
    ("fine-tuned, Dice", "finetune", "dice_mean", "", 3),
    ("difference to scratch (Δ)", "finetune", "dice_mean", SCRATCH, 3),
    ("frozen probe, Dice", "probe", "dice_mean", "", 3),
    ("same place, mm", "retrieval", "error_mm", "", 1),
    ("left from right", "sides", "left_right_accuracy", "", 3),
)
"""Columns of the short table: heading, what is measured, metric, difference to what, digits."""


def _short(result: Result) -> str:
    """Returns one row per method: each measurement's mean over the shares of the labels."""
    methods = list(dict.fromkeys(line.method for line in result.lines))
    rows = []
    for method in methods:
        cells = [_overall(result, method, *column[1:]) for column in IN_SHORT]
        cost = result.cost.get(method, (None, None))[0]
        rows.append((method, *cells, "" if not cost else f"{cost:.0f}"))
    shown = [0, *(at for at in range(1, len(IN_SHORT) + 2) if any(row[at] for row in rows))]
    head = ("method", *(column[0] for column in IN_SHORT), "pretraining, processor s")
    table = markdown_table([head[at] for at in shown], [[row[at] for at in shown] for row in rows])
    text = f"Means over the shares of the labels, scored on the {result.about['evaluate']} part."
    return f"## In short: {result.name}\n\n{_chart(result)}{_wrapped(text)}\n{table}"


def _chart(result: Result) -> str:
    """Returns the picture of its curves, where fine-tuning was measured."""
    if not any((line.downstream, line.metric) == ("finetune", "dice_mean") for line in result.lines):
        return ""
    return f"![Dice after fine-tuning over the share of the labels, with intervals](img/{picture_name(result)})\n\n"


def _overall(result: Result, method: str, downstream: str, metric: str, against: str, digits: int) -> str:
    wanted = (downstream, metric, against, method)
    lines = [line for line in result.lines if (line.downstream, line.metric, line.against, line.method) == wanted]
    lines = [line for line in lines if line.fraction == ALL_FRACTIONS] or lines
    return _interval(lines[0], f"{'+' if against else ''}z.{digits}f") if len(lines) == 1 else ""


def _section(result: Result) -> str:
    about = result.about
    cases, network, methods = about["cases"], about["network"], about["methods"]
    size, spacing = (" x ".join(f"{edge:g}" for edge in network[key]) for key in ("view_size", "spacing_mm"))
    text = (
        f"Data set {about['dataset']}. {len(methods)} methods, seeds {', '.join(map(str, about['seeds']))}, scored on the "
        f"**{about['evaluate']}** part: {cases['pretraining']} cases to pretrain on and to take labels from, "
        f"{cases['validation']} to validate, {cases['test']} to test on. Encoder {network['encoder']}, views of {size} voxels "
        f"at {spacing} mm."
    )
    parts = [f"## {result.name}\n", _wrapped(text)]
    if about["cells_done"] < about["cells"]:
        parts.append(f"Not finished: {about['cells_done']} of {about['cells']} cells are done.\n")
    for measure in MEASURES:
        parts += _measured(result, measure)
    if result.curves:
        text = "Metrics on held-out scans during pretraining, a line per seed; dashed is the baseline"
        parts.append(f"### During pretraining\n\n![{text}](img/{pretraining_picture_name(result)})\n\n*{text}.*\n")
    parts += ["### What it cost\n", _cost(result), "### How to repeat it\n", _command(result)]
    return "\n".join(parts)


def _measured(result: Result, measure: Measure) -> list[str]:
    lines = [line for line in result.lines if (line.downstream, line.metric) == (measure.downstream, measure.metric)]
    if not lines:
        return []
    unit = f", {measure.unit}" if measure.unit else ""
    parts = [f"### {measure.words}{unit}\n"]
    parts.append(_table(measure, [line for line in lines if not line.against], False))
    for other in dict.fromkeys(line.against for line in lines if line.against):
        better = "above" if measure.better == "more" else "below"
        parts.append(f"Paired difference to {other}; {better} zero is better:\n")
        parts.append(_table(measure, [line for line in lines if line.against == other], True))
    return parts


def _table(measure: Measure, lines: Sequence[Line], signed: bool) -> str:
    """Returns one row per method and one column per fraction."""
    fractions, rows = fraction_rows(measure, lines, signed, _interval)
    return markdown_table(("method", *(_words(fraction) for fraction in fractions)), rows)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table.

    Example:
        >>> print(markdown_table(("a", "b"), [("1", "2")]), end="")
        | a | b |
        |---|---|
        | 1 | 2 |
    """
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def _interval(line: Line, form: str) -> str:
    return f"{line.mean:{form}} [{line.low:{form}}, {line.high:{form}}]"


def _words(fraction: str) -> str:
    return fraction_words(float(fraction)) if fraction not in ("", ALL_FRACTIONS) else fraction or "no label is used"


def _cost(result: Result) -> str:
    about = result.about
    text = (
        f"All {about['cells_done']} cells took {about['processor_hours']:g} hours of processor time on "
        f"{' and '.join(about['devices'])}, {' or '.join(map(str, about['threads']))} threads a cell. Processor seconds of one "
        "pretraining, and of one fine-tuning with prediction and scoring:"
    )
    rows = [
        (method, *("" if value is None else f"{value:.0f}" for value in seconds))
        for method, seconds in result.cost.items()
    ]
    return f"{_wrapped(text)}\n{markdown_table(('method', 'pretraining', 'fine-tuning'), rows)}"


def _command(result: Result) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in result.about["versions"].items())
    text = (
        f"Made with {versions}; fingerprint of the data `{result.about['data_fingerprint']}`. All settings are in "
        f"`benchmarks/results/{result.name}/compare.yaml`; OUT is the folder to make."
    )
    return f"{_wrapped(text)}\n<!-- not run -->\n```bash\n{result.about['command']}\n```\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 124, break_long_words=False, break_on_hyphens=False) + "\n"
