"""Plots of metrics beside their baselines: matrices, scatter, errors per axis, bars, curves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Num

from orienteer.draw.palette import BASELINE, BLUE, GREEN, PREDICTED, PURPLE, SKY_BLUE, VERMILION
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
        true_mm: row i, column j: from view i to view j.
        predicted_mm: the same as the model predicts it.
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
    panels = list(figure.subplots(1, 2))
    for axes, matrix, name in zip(panels, both, ("true", "predicted"), strict=True):
        shown = axes.imshow(matrix, cmap="PuOr" if signed else "cividis", vmin=limits[0], vmax=limits[1])
        _write_numbers(axes, matrix, shown)
        axes.set_title(f"{name} {quantity}", fontsize=10)
        axes.set_xlabel("to view", fontsize=9)
    panels[0].set_ylabel("from view", fontsize=9)
    figure.colorbar(shown, ax=panels, label="mm", shrink=0.8)
    return panels


def truth_scatter(
    axes: "Axes",
    true_mm: Num[np.ndarray, " pairs"],
    predicted_mm: Num[np.ndarray, " pairs"],
    baseline_mm: float | Num[np.ndarray, " pairs"],
    quantity: str = "distance",
) -> None:
    """Draws predictions against the truth, with the line of perfect agreement and a baseline.

    Args:
        axes: empty axes.
        true_mm: the truth, one number per pair.
        predicted_mm: the model's predictions.
        baseline_mm: the baseline's prediction: one number for all pairs (such as the training mean), or one for each.
        quantity: what is plotted, for the labels.
    """
    baseline = np.broadcast_to(np.asarray(baseline_mm, float), true_mm.shape)
    low = float(min(true_mm.min(initial=0), predicted_mm.min(initial=0))) * 1.05
    high = float(max(true_mm.max(initial=1), predicted_mm.max(initial=1), baseline.max(initial=1))) * 1.05
    axes.plot([low, high], [low, high], color="black", linewidth=1, label="perfect agreement")
    axes.plot(
        true_mm,
        baseline,
        "_",
        color=BASELINE,
        markersize=8,
        label=f"baseline, error {_mean_error(baseline, true_mm)} mm",
    )
    axes.plot(
        true_mm,
        predicted_mm,
        "o",
        color=PREDICTED,
        markersize=4,
        alpha=0.7,
        label=f"model, error {_mean_error(predicted_mm, true_mm)} mm",
    )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    _name(axes, f"true {quantity}, mm", f"predicted {quantity}, mm")
    _legend_above(axes)


def per_axis_error(axes: "Axes", errors_mm: Num[np.ndarray, "pairs 3"]) -> None:
    """Draws the error along each body axis as a box plot: quartiles and median, whiskers from 5 % to 95 %.

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
        range(3), [f"{name}\nerror {mean:.0f} mm" for name, mean in zip(AXIS_NAMES, means, strict=True)], fontsize=8
    )
    _name(axes, "", "predicted minus true, mm")


def bars_against(
    axes: "Axes", values: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], unit: str = "mm"
) -> None:
    """Draws metrics as bars, the model's beside those of its baselines, with the numbers on the bars.

    Args:
        axes: empty axes.
        values: the model's metrics by name, all of one unit.
        baselines: the metrics of each baseline under the same names; one that it lacks gets no bar.
        unit: unit of all metrics.
    """
    names = list(values)
    rows = {"model": values, **baselines}
    width = 0.8 / len(rows)
    greys = [str(grey) for grey in np.linspace(0.55, 0.8, max(len(baselines), 1))]
    for number, (who, metrics) in enumerate(rows.items()):
        known = [place for place, name in enumerate(names) if name in metrics]
        at = [place - 0.4 + width * (number + 0.5) for place in known]
        colour = PREDICTED if number == 0 else greys[number - 1]
        bars = axes.bar(at, [metrics[names[place]] for place in known], width * 0.95, color=colour, label=who)
        axes.bar_label(bars, fmt="%.3g", fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), [_words(name, unit) for name in names], fontsize=8)
    axes.margins(y=0.12)
    _name(axes, "", unit)
    _legend_above(axes)


def learning_curves(
    axes: "Axes",
    steps: Num[np.ndarray, " points"],
    series: Mapping[str, Num[np.ndarray, " points"]],
    baselines: Mapping[str, float] | None = None,
    unit: str = "mm",
) -> None:
    """Draws metrics over training steps, with the level of each baseline as a horizontal line.

    Args:
        axes: empty axes.
        steps: training steps of the points.
        series: one curve per name; NaN where nothing was measured at a step.
        baselines: one level per name.
        unit: unit of all metrics.
    """
    for number, (name, curve) in enumerate(series.items()):
        colour = _LINES[number % len(_LINES)]
        axes.plot(steps, curve, color=colour, linewidth=1.6, marker=".", label=_words(name, unit))
    for number, (name, level) in enumerate((baselines or {}).items()):
        style = _DASHES[number % len(_DASHES)]
        axes.axhline(level, color=BASELINE, linestyle=style, linewidth=1.4, label=f"{_words(name, unit)} baseline")
    axes.set_ylim(bottom=0)
    _name(axes, "step", unit)
    _legend_above(axes)


def _write_numbers(axes: "Axes", matrix: np.ndarray, shown: Any) -> None:
    views = len(matrix)
    size = 9 if views <= 6 else 7
    for i in range(views):
        for j in range(views):
            red, green, blue, _ = shown.cmap(shown.norm(matrix[i, j]))
            text_colour = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
            text = f"{matrix[i, j]:.0f}".replace("-0", "0") if abs(matrix[i, j]) < 0.5 else f"{matrix[i, j]:.0f}"
            axes.text(
                j, i, text, color=text_colour, fontsize=size, horizontalalignment="center", verticalalignment="center"
            )
    numbers = [str(view + 1) for view in range(views)]
    axes.set_xticks(range(views), numbers)
    axes.set_yticks(range(views), numbers)


def _words(name: str, unit: str) -> str:
    # The unit is on the axis already.
    return name.removesuffix(f"_{unit}").replace("_", " ")


def _mean_error(predicted_mm: np.ndarray, true_mm: np.ndarray) -> str:
    return f"{np.abs(predicted_mm - true_mm).mean():.0f}" if len(true_mm) else "-"


def _name(axes: "Axes", across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _legend_above(axes: "Axes") -> None:
    # Above the axes: inside, a legend hides points; beside them, it takes width from the plot.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8, frameon=False, borderaxespad=0.2)
