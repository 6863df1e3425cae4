"""Closure error against true error: how far an error that needs no truth follows the one that does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import BLUE
from orienteer.report.measurement import ScanMeasurement


@dataclass(frozen=True)
class Correlation:
    """How closure error follows true error.

    Attributes:
        scans: Spearman's rank correlation over scans; None if it is not defined.
        scan_count: number of scans.
        sets: the same over single view sets.
        set_count: number of view sets.
    """

    scans: float | None
    scan_count: int
    sets: float | None
    set_count: int


def closure_correlation(scans: Sequence[ScanMeasurement]) -> Correlation | None:
    """Returns how closure follows true error over scans with sound headers; None if no closure was measured."""
    pairs = [(scan.set_closures_mm, scan.set_errors_mm) for scan in scans if scan.set_closures_mm is not None]
    if not pairs:
        return None
    over_scans = rank_correlation([float(c.mean()) for c, _ in pairs], [float(e.mean()) for _, e in pairs])
    closures, errors = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return Correlation(over_scans, len(pairs), rank_correlation(closures.tolist(), errors.tolist()), len(closures))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation; None for fewer than three values or values that are constant.

    Example:
        >>> round(rank_correlation([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 40.0, 30.0]), 3)
        0.8
    """
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def draw_closure(scans: Sequence[ScanMeasurement]) -> bytes:
    """Returns a PNG of true error over closure error: a dot per view set and one per scan."""
    figure = new_figure(700, 420)
    axes = figure.subplots()
    closures = [scan.set_closures_mm for scan in scans if scan.set_closures_mm is not None]
    errors = [scan.set_errors_mm for scan in scans if scan.set_closures_mm is not None]
    axes.plot(np.concatenate(closures), np.concatenate(errors), ".", color="0.6", markersize=4, label="view sets")
    means = [[float(each.mean()) for each in values] for values in (closures, errors)]
    axes.plot(*means, "o", color=BLUE, markersize=7, label="scans (means)")
    axes.set_xlabel("closure error, mm (needs no truth)")
    axes.set_ylabel("true error, mm")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure)
