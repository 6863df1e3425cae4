"""A curve with a band: how a quantity of many points depends on another."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Num

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 5
"""Smallest number of points in a bin."""


def band_curve(
    axes: "Axes", x: Num[np.ndarray, " points"], y: Num[np.ndarray, " points"], colour: str, label: str, bins: int = 12
) -> None:
    """Draws the median of ``y`` in bins of ``x`` that hold equally many points, with a band from quartile to quartile.

    Args:
        axes: where to draw.
        x: the quantity along the axis.
        y: the quantity to draw.
        colour: of the curve and of its band.
        label: for the legend.
        bins: at most; fewer for few points.

    Example:
        >>> from orienteer.draw.figures import new_figure
        >>> axes = new_figure().subplots()
        >>> band_curve(axes, np.arange(100.0), -np.arange(100.0), "black", "falls", bins=2)
        >>> axes.lines[0].get_ydata().tolist()
        [-24.5, -74.5]
    """
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // FEWEST)))
    middle = [np.median(x[part]) for part in parts]
    low, median, high = np.transpose([np.quantile(y[part], (0.25, 0.5, 0.75)) for part in parts])
    axes.plot(middle, median, ".-", color=colour, label=label)
    axes.fill_between(middle, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", fontsize=8, frameon=False)
