"""Plots of numbers with their trivial rivals: matrices, scatter, errors per axis, bars, curves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Num

from orienteer.draw.palette import BLUE, GREEN, PREDICTED, PURPLE, SKY_BLUE, TRIVIAL, VERMILION
from orienteer.types import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = (BLUE, VERMILION, GREEN, PURPLE, PREDICTED, SKY_BLUE)
_DASHES = ("--", ":", "-.")


def matrix_pair(
    figure: Any,
    true_mm: Num[np.ndarray, "views views"],
    predicted_mm: Num[np.ndarray, "views views"],
    quantity: str = "distance",
) -> list["Axes"]:
    """Draws the true and the predicted matrix side by side with their numbers and one common colour bar, in mm.

    Args:
        figure: a figure or subfigure without contents.
        true_mm: row i, column j belongs to "from view i to view j".
        predicted_mm: the same, from the model.
        quantity: what the numbers are, for the titles.

    Returns:
        The axes of the true and of the predicted matrix.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> true, predicted = np.array([[0.0, 80.0], [80.0, 0.0]]), np.array([[0.0, 71.0], [71.0, 0.0]])
        >>> [axes.get_title() for axes in matrix_pair(new_figure(), true, predicted)]
        ['true distance', 'predicted distance']
    """
    both = np.stack([true_mm, predicted_mm])
    signed = bool(both.min() < 0)
    high = max(float(np.abs(both).max()), 1e-6)
    limits = (-high, high) if signed else (0.0, high)
    every = list(figure.subplots(1, 2))
    for axes, matrix, name in zip(every, both, ("true", "predicted"), strict=True):
        shown = axes.imshow(matrix, cmap="PuOr" if signed else "cividis", vmin=limits[0], vmax=limits[1])
        _write_numbers(axes, matrix, shown)
        axes.set_title(f"{name} {quantity}", fontsize=10)
        axes.set_xlabel("to view", fontsize=9)
    every[0].set_ylabel("from view", fontsize=9)
    figure.colorbar(shown, ax=every, label="mm", shrink=0.8)
    return every


def truth_scatter(
    axes: "Axes",
    true_mm: Num[np.ndarray, " pairs"],
    predicted_mm: Num[np.ndarray, " pairs"],
    trivial_mm: float | Num[np.ndarray, " pairs"],
    quantity: str = "distance",
) -> None:
    """Draws predictions against the truth, with the line of perfect agreement and the trivial rival.

    Args:
        axes: empty axes.
        true_mm: the truth, one number per pair.
        predicted_mm: the model's numbers.
        trivial_mm: the trivial rival's: one number for all pairs (the training mean), or one for each.
        quantity: what is plotted, for the labels.
    """
    trivial = np.broadcast_to(np.asarray(trivial_mm, float), true_mm.shape)
    low = float(min(true_mm.min(initial=0), predicted_mm.min(initial=0))) * 1.05
    high = float(max(true_mm.max(initial=1), predicted_mm.max(initial=1), trivial.max(initial=1))) * 1.05
    axes.plot([low, high], [low, high], color="black", linewidth=1, label="perfect agreement")
    axes.plot(
        true_mm, trivial, "_", color=TRIVIAL, markersize=8, label=f"trivial, off by {_mean_gap(trivial, true_mm)} mm"
    )
    axes.plot(
        true_mm,
        predicted_mm,
        "o",
        color=PREDICTED,
        markersize=4,
        alpha=0.7,
        label=f"model, off by {_mean_gap(predicted_mm, true_mm)} mm",
    )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    _name(axes, f"true {quantity}, mm", f"predicted {quantity}, mm")
    _legend_above(axes)


def per_axis_error(axes: "Axes", errors_mm: Num[np.ndarray, "pairs 3"]) -> None:
    """Draws how far predictions are off along each body axis: middle half and median, whiskers from 5 % to 95 %.

    Args:
        axes: empty axes.
        errors_mm: predicted minus true gap for each pair.
    """
    columns = [errors_mm[:, axis] for axis in range(3)]
    drawn = axes.boxplot(columns, positions=range(3), widths=0.5, whis=(5, 95), showfliers=False, patch_artist=True)
    for box in drawn["boxes"]:
        box.set_facecolor(PREDICTED)
    for line in drawn["medians"]:
        line.set_color("black")
    axes.axhline(0, color="black", linewidth=1)
    means = np.abs(errors_mm).mean(axis=0) if len(errors_mm) else np.zeros(3)
    axes.set_xticks(
        range(3), [f"{name}\noff by {mean:.0f} mm" for name, mean in zip(AXIS_NAMES, means, strict=True)], fontsize=8
    )
    _name(axes, "", "predicted minus true, mm")


def bars_against(
    axes: "Axes", values: Mapping[str, float], rivals: Mapping[str, Mapping[str, float]], unit: str = "mm"
) -> None:
    """Draws the model's figures as bars, each beside those of its trivial rivals, with the numbers on the bars.

    Args:
        axes: empty axes.
        values: the model's figures by name, all of one unit.
        rivals: for each rival its figures under the same names; a figure that it lacks is left out.
        unit: unit of all figures.
    """
    names = list(values)
    rows = {"model": values, **rivals}
    width = 0.8 / len(rows)
    greys = [str(grey) for grey in np.linspace(0.55, 0.8, max(len(rivals), 1))]
    for number, (who, figures) in enumerate(rows.items()):
        have = [place for place, name in enumerate(names) if name in figures]
        at = [place - 0.4 + width * (number + 0.5) for place in have]
        colour = PREDICTED if number == 0 else greys[number - 1]
        bars = axes.bar(at, [figures[names[place]] for place in have], width * 0.95, color=colour, label=who)
        axes.bar_label(bars, fmt="%.3g", fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), [_words(name, unit) for name in names], fontsize=8)
    axes.margins(y=0.12)
    _name(axes, "", unit)
    _legend_above(axes)


def learning_curves(
    axes: "Axes",
    steps: Num[np.ndarray, " points"],
    series: Mapping[str, Num[np.ndarray, " points"]],
    rivals: Mapping[str, float] | None = None,
    unit: str = "mm",
) -> None:
    """Draws figures over training steps, with each trivial rival as a level line to get away from.

    Args:
        axes: empty axes.
        steps: training steps of the points.
        series: one curve per name; what was not measured at a step is NaN.
        rivals: one level per name.
        unit: unit of all figures.
    """
    for number, (name, curve) in enumerate(series.items()):
        colour = _LINES[number % len(_LINES)]
        axes.plot(steps, curve, color=colour, linewidth=1.6, marker=".", label=_words(name, unit))
    for number, (name, level) in enumerate((rivals or {}).items()):
        style = _DASHES[number % len(_DASHES)]
        axes.axhline(level, color=TRIVIAL, linestyle=style, linewidth=1.4, label=_words(name, unit))
    axes.set_ylim(bottom=0)
    _name(axes, "step", unit)
    _legend_above(axes)


def _write_numbers(axes: "Axes", matrix: np.ndarray, shown: Any) -> None:
    views = len(matrix)
    size = 9 if views <= 6 else 7
    for i in range(views):
        for j in range(views):
            red, green, blue, _ = shown.cmap(shown.norm(matrix[i, j]))
            ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
            text = f"{matrix[i, j]:.0f}".replace("-0", "0") if abs(matrix[i, j]) < 0.5 else f"{matrix[i, j]:.0f}"
            axes.text(j, i, text, color=ink, fontsize=size, horizontalalignment="center", verticalalignment="center")
    numbers = [str(view + 1) for view in range(views)]
    axes.set_xticks(range(views), numbers)
    axes.set_yticks(range(views), numbers)


def _words(name: str, unit: str) -> str:
    # The unit stands on the axis already.
    return name.removesuffix(f"_{unit}").replace("_", " ")


def _mean_gap(got_mm: np.ndarray, true_mm: np.ndarray) -> str:
    return f"{np.abs(got_mm - true_mm).mean():.0f}" if len(true_mm) else "-"


def _name(axes: "Axes", across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _legend_above(axes: "Axes") -> None:
    # Above the axes: inside them a legend hides points, beside them it takes the width of the plot.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8, frameon=False, borderaxespad=0.2)
