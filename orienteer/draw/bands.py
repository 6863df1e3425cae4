"""A curve with a band: how a quantity of many points depends on another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Num

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 5
"""Smallest number of points in a bin."""


@dataclass(frozen=True)
class Band:
    """Median and quartiles of a quantity in bins of another.

    Attributes:
        middle: median of the other quantity in each bin.
        low: lower quartile.
        median: the median.
        high: upper quartile.
    """

    middle: Num[np.ndarray, " bins"]
    low: Num[np.ndarray, " bins"]
    median: Num[np.ndarray, " bins"]
    high: Num[np.ndarray, " bins"]


def binned(x: Num[np.ndarray, " points"], y: Num[np.ndarray, " points"], bins: int = 12) -> Band:
    """Returns median and quartiles of ``y`` in bins of ``x`` that hold equally many points.

    Args:
        x: the quantity along the axis.
        y: the quantity of interest.
        bins: at most; fewer for few points.

    Example:
        >>> binned(np.arange(100.0), -np.arange(100.0), bins=2).median.tolist()
        [-24.5, -74.5]
    """
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // FEWEST)))
    middle = np.array([np.median(x[part]) for part in parts])
    return Band(middle, *np.transpose([np.quantile(y[part], (0.25, 0.5, 0.75)) for part in parts]))


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
    band = binned(x, y, bins)
    axes.plot(band.middle, band.median, ".-", color=colour, label=label)
    axes.fill_between(band.middle, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", fontsize=8, frameon=False)
