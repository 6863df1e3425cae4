"""Means with intervals: curves over a share on a log axis, and rows of dots."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orienteer.draw.figures import plain_label
from orienteer.draw.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float, float]
"""A mean, and the low and the high end of its interval."""

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY_BLUE, BLACK)
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("-", "--", ":")


def curves_over_share(
    axes: "Axes",
    curves: Mapping[str, Mapping[float, Interval]],
    what: str,
    grey: Sequence[str] = (),
    zero: bool = False,
) -> None:
    """Draws one curve per method over the share of the labels, with its intervals.

    Args:
        axes: empty axes.
        curves: for each name the mean and interval at each share, above 0 and at most 1.
        what: the quantity, with its unit.
        grey: names of references, which are drawn in grey.
        zero: begin the axis of the quantity at zero, so that heights can be compared.
    """
    shares = sorted({share for curve in curves.values() for share in curve})
    methods = [name for name in curves if name not in grey]
    references = [name for name in curves if name in grey]
    for name, curve in curves.items():
        if name in references:
            colour, mark, line = GREY, ".", _LINES[references.index(name) % len(_LINES)]
        else:
            number = methods.index(name)
            colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number // len(_COLOURS) % len(_MARKS)]
            line = "-"
        # Slightly apart, so that the error bars of several curves do not hide each other.
        shift = 1 + 0.02 * (list(curves).index(name) - (len(curves) - 1) / 2)
        at = [share * shift for share in sorted(curve)]
        means = [curve[share][0] for share in sorted(curve)]
        lengths = [[curve[share][0] - curve[share][1] for share in sorted(curve)],
                   [curve[share][2] - curve[share][0] for share in sorted(curve)]]  # fmt: skip
        axes.errorbar(
            at,
            means,
            lengths,
            color=colour,
            marker=mark,
            linestyle=line,
            markersize=5,
            linewidth=1.6,
            elinewidth=0.8,
            capsize=2,
            label=plain_label(name),
        )
    axes.set_xscale("log")
    if len(shares) == 1:  # by default the curves of a single share would be spread over the whole width
        axes.set_xlim(shares[0] / 1.5, shares[0] * 1.5)
    axes.set_xticks(shares, [f"{100 * share:.3g} %" for share in shares])
    axes.minorticks_off()
    if zero:
        axes.set_ylim(bottom=0)
    axes.set_xlabel("share of the labels", fontsize=9)
    axes.set_ylabel(what, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8, frameon=False)


def dots_with_intervals(
    axes: "Axes",
    rows: Sequence[tuple[str, Interval]],
    what: str,
    line: float | None = None,
    grey: Sequence[str] = (),
    zero: bool = False,
) -> None:
    """Draws one row per method: its mean and interval, with the number beside it.

    Args:
        axes: empty axes.
        rows: from top to bottom.
        what: the quantity, with its unit.
        line: a level to compare with, such as chance.
        grey: names of references, which are drawn in grey.
        zero: begin the axis of the quantity at zero.
    """
    for place, (name, (mean, low, high)) in enumerate(rows):
        colour = GREY if name in grey else BLUE
        axes.errorbar(
            [mean], [place], xerr=[[mean - low], [high - mean]], color=colour, marker="o", capsize=3, linewidth=1.6
        )
        axes.annotate(f"{mean:.3g}", (mean, place), (0, 5), textcoords="offset points", ha="center", fontsize=8)
    if line is not None:
        axes.axvline(line, color=GREY, linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(rows)), [plain_label(name) for name, _ in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.4, -0.7)
    if zero:
        axes.set_xlim(left=0)
    axes.set_xlabel(what, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
