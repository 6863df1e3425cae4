"""Pictures of predicted gaps: matrices and errors of a view set, and a route through its views on the scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from orienteer.draw.arrows import draw_miss, draw_route
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import BLUE, PREDICTED, TRUE
from orienteer.draw.plots import matrix_pair, per_axis_error, truth_scatter
from orienteer.geometry.pairs import gap_matrix
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.scan_slices import slice_through, slices_through
from orienteer.report.whole_scan import WholeScan
from orienteer.runs.error_bars import ErrorBars
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORONAL = 1
"""The axis that a coronal slice is cut across: the one that shows most of a body."""

CLOSED_MM = 1e-3
"""Routes that close better than this close by construction, and their closure error is not shown."""


@dataclass(frozen=True)
class GapsPicture:
    """True and predicted distances.

    Attributes:
        png: the file.
        views: number of views of the set.
        pairs: number of pairs of the whole scan.
        baseline_mm: the scan's mean distance, which the baseline always predicts.
        error_mm: mean length of the error vector.
        axis_errors_mm: mean absolute error along each axis, by the name of the axis.
        axis_bars_mm: mean error bar along each axis, half its length; None for a run without error bars.
        inside: share of the errors along the axes that lie within their bars; None for a run without error bars.
    """

    kind: ClassVar[str] = "distances"

    png: bytes
    views: int
    pairs: int
    baseline_mm: float
    error_mm: float
    axis_errors_mm: Mapping[str, float]
    axis_bars_mm: Mapping[str, float] | None = None
    inside: float | None = None


@dataclass(frozen=True)
class RoutePicture:
    """A route through the views of one set, true and predicted.

    Attributes:
        png: the file.
        views: number of views.
        length_mm: length of the true route.
        missed_mm: distance of the predicted end from the true one.
        closure_mm: distance from the start after returning to it; None if the route closes by construction.
        expect_mm: the distance within which the end lies with a probability of 90 % if the errors of the steps are independent;
            None for a run without error bars.
        small_png: one slice of it, for the first page.
    """

    kind: ClassVar[str] = "path"

    png: bytes
    views: int
    length_mm: float
    missed_mm: float
    closure_mm: float | None
    expect_mm: float | None = None
    small_png: bytes = b""


def draw_gaps(
    views: ViewBatch,
    gaps_mm: Mapping[str, np.ndarray],
    measurement: ScanMeasurement,
    bars: Mapping[str, ErrorBars],
) -> GapsPicture:
    """Draws both distance matrices of one view set, all pairs of the scan against the truth, and the error per axis.

    With error bars, these are drawn beside the errors along each axis.
    """
    true_mm = gap_matrix(views.centres_mm)[0].numpy()
    errors_mm = {
        name: float(np.linalg.norm(gaps - measurement.true_mm, axis=1).mean())
        for name, gaps in measurement.predicted_mm.items()
    }
    best = min(errors_mm, key=lambda name: errors_mm[name])
    predicted_mm = measurement.predicted_mm[best]
    lengths_mm = np.linalg.norm(measurement.true_mm, axis=1)
    error_mm = predicted_mm - measurement.true_mm
    figure = new_figure(1350, 420)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(5, 6))[0]
    matrix_pair(left, np.linalg.norm(true_mm, axis=-1), np.linalg.norm(gaps_mm[best], axis=-1))
    scatter, axes = right.subplots(1, 2)
    truth_scatter(scatter, lengths_mm, np.linalg.norm(predicted_mm, axis=1), float(lengths_mm.mean()))
    per_axis_error(axes, error_mm)
    halves_mm = None
    if best in bars and best in measurement.scales_mm:
        halves_mm = bars[best].half_widths_mm(measurement.scales_mm[best], measurement.spreads_mm.get(best))
        means_mm = halves_mm.mean(axis=0)
        axes.errorbar(
            np.arange(3) + 0.38, np.zeros(3), yerr=means_mm, fmt="none", ecolor=BLUE, capsize=4, label="90 % bar"
        )
        axes.set_xlim(-0.5, 2.6)
        axes.legend(loc="upper left", fontsize=8, frameon=False)
    return GapsPicture(
        png=to_png(figure),
        views=views.views,
        pairs=len(lengths_mm),
        baseline_mm=float(lengths_mm.mean()),
        error_mm=errors_mm[best],
        axis_errors_mm=dict(zip(AXIS_NAMES, np.abs(error_mm).mean(axis=0).tolist(), strict=True)),
        axis_bars_mm=None if halves_mm is None else dict(zip(AXIS_NAMES, halves_mm.mean(axis=0).tolist(), strict=True)),
        inside=None if halves_mm is None else float((np.abs(error_mm) <= halves_mm).mean()),
    )


def draw_route_on_scan(
    views: ViewBatch,
    gaps_mm: Mapping[str, np.ndarray],
    scan: WholeScan,
    radii_mm: Mapping[str, np.ndarray] | None = None,
) -> RoutePicture:
    """Draws a route through the views of one set on the scan, true and predicted, and the error at its end.

    Args:
        views: one view set.
        gaps_mm: the predicted gaps between its views, by task.
        scan: the scan that the views were cut out of.
        radii_mm: the error bars of these gaps, by task.
    """
    order = list(range(views.views))
    closures_mm = {name: float(np.linalg.norm(_around(gaps, order))) for name, gaps in gaps_mm.items()}
    shown = max(closures_mm, key=lambda name: closures_mm[name])  # a route that closes by construction shows nothing
    stops_mm = views.centres_mm[0].double().numpy()
    steps_mm = gaps_mm[shown][order[:-1], order[1:]]
    predicted_mm = np.concatenate([stops_mm[:1], stops_mm[0] + steps_mm.cumsum(axis=0)])
    figure = new_figure(1300, 560)
    for axis, axes in enumerate(slices_through(figure, scan, stops_mm.mean(axis=0))):
        _draw_both(axes, axis, stops_mm, predicted_mm)
    axes.legend(loc="upper left", fontsize=8)
    return RoutePicture(
        png=to_png(figure),
        views=views.views,
        length_mm=float(np.linalg.norm(np.diff(stops_mm, axis=0), axis=1).sum()),
        missed_mm=float(np.linalg.norm(predicted_mm[-1] - stops_mm[-1])),
        closure_mm=closures_mm[shown] if closures_mm[shown] >= CLOSED_MM else None,
        expect_mm=_summed(radii_mm[shown], order) if radii_mm and shown in radii_mm else None,
        small_png=_small(scan, stops_mm, predicted_mm),
    )


def _draw_both(axes: "Axes", axis: int, stops_mm: np.ndarray, predicted_mm: np.ndarray) -> None:
    draw_route(axes, axis, stops_mm, TRUE, label="true")
    draw_route(axes, axis, predicted_mm, PREDICTED, label="predicted", dashed=True)
    draw_miss(axes, axis, stops_mm[-1], predicted_mm[-1])


def _small(scan: WholeScan, stops_mm: np.ndarray, predicted_mm: np.ndarray) -> bytes:
    """Returns a coronal slice with both routes, small enough for several side by side."""
    figure = new_figure(420, 420)
    axes = slice_through(figure, scan, stops_mm.mean(axis=0), CORONAL)
    _draw_both(axes, CORONAL, stops_mm, predicted_mm)
    axes.legend(loc="upper left", fontsize=7)
    return to_png(figure)


def _summed(radii_mm: np.ndarray, order: Sequence[int]) -> float:
    """Returns the error bar of the end of a route: those of its steps, added in squares as for independent errors."""
    return float(np.linalg.norm(radii_mm[order[:-1], order[1:]]))


def _around(gaps_mm: np.ndarray, order: Sequence[int]) -> np.ndarray:
    return np.asarray(gaps_mm[order, [*order[1:], order[0]]].sum(axis=0))
