"""Pictures of a model's predictions on one scan: which are drawn, and on which of its view sets.

A picture is chosen by what a prediction holds, not by the name of a task: gaps between views give matrices and a route, an
embedding of every place gives near and far parts. Any other task shows its own picture.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from orienteer.draw.figures import to_png
from orienteer.report.falloff_picture import FalloffPicture, draw_falloff
from orienteer.report.gap_pictures import GapsPicture, RoutePicture, draw_gaps, draw_route_on_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.part_pictures import PartsPicture, draw_parts
from orienteer.report.task_picture import TaskPicture
from orienteer.report.whole_scan import WholeScan, cut, draw_sets, view_size
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.loaded import LoadedRun
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import NOTHING

FALLOFF_SETS = 4
"""View sets whose parts are compared for the curve of similarity over distance."""

RESTORED = "input"
"""The baseline of tasks that restore hidden parts: the view as the model gets it."""

Picture: TypeAlias = GapsPicture | RoutePicture | PartsPicture | FalloffPicture | TaskPicture
"""A picture with the numbers of its caption."""


def draw_scan(
    loaded: LoadedRun, scan: WholeScan, measurement: ScanMeasurement, bars: Mapping[str, ErrorBars] | None = None
) -> list[Picture]:
    """Returns pictures of the predictions on a scan, on a view set of average error.

    Args:
        loaded: the model.
        scan: prepared with the run's own settings.
        measurement: what `measure_scan` measured on it.
        bars: the run's error bars; without them, none are drawn.
    """
    views = typical_set(loaded, scan, measurement)
    predictions = loaded.predict(views)
    gaps_mm = {name: gaps[0].cpu().numpy() for name, gaps in loaded.gaps_mm(predictions).items()}
    pictures, restored = list[Picture](), list[Picture]()
    if gaps_mm:
        scales_mm = {name: each[0].cpu().numpy() for name, each in loaded.scales_mm(predictions).items()}
        radii_mm = {name: bars[name].radii_mm(each) for name, each in scales_mm.items() if bars and name in bars}
        pictures.append(draw_gaps(views, gaps_mm, measurement, bars or {}))
        pictures.append(draw_route_on_scan(views, gaps_mm, scan, radii_mm))
    for name, prediction in predictions.items():
        task = loaded.network.tasks[name]
        targets = task.targets(views.to(loaded.device))  # type: ignore[operator]
        if hasattr(prediction, "embedding") and hasattr(targets, "parts_vox"):
            pictures.append(draw_parts(views, prediction, targets, scan))
            pictures += _falloff(loaded, scan, name)
        elif name not in gaps_mm:
            png = to_png(task.picture(views, prediction, targets))  # type: ignore[operator]
            hidden = _restores(loaded, views, task, targets)
            (restored if hidden else pictures).append(TaskPicture(png, name))
    return pictures or restored


def hides_parts(loaded: LoadedRun) -> bool:
    """Returns whether training hid or rearranged parts of the views, which a report shows whole."""
    return loaded.config.view_distortion != NOTHING


def _restores(loaded: LoadedRun, views: ViewBatch, task: Any, targets: Any) -> bool:
    """Returns whether a task restores what was hidden in training: on a view that is whole, its picture shows little."""
    return hides_parts(loaded) and RESTORED in task.baselines(views.to(loaded.device), targets)


def _falloff(loaded: LoadedRun, scan: WholeScan, name: str) -> list[Picture]:
    """Returns how the similarity of a task's embedding falls with distance, over a few view sets, if it compares places."""
    views = cut(scan, draw_sets(scan, loaded.policy, FALLOFF_SETS), view_size(loaded)).to(loaded.device)
    task = loaded.network.tasks[name]
    targets = task.targets(views)  # type: ignore[operator]
    pairs = task.similar_pairs(views, loaded.predict(views)[name], targets)  # type: ignore[operator]
    return [] if pairs is None else [draw_falloff(pairs)]


def typical_set(loaded: LoadedRun, scan: WholeScan, measurement: ScanMeasurement) -> ViewBatch:
    """Returns the widest of the view sets whose error is in neither the lowest nor the highest quarter."""
    starts = draw_sets(scan, loaded.policy, max(1, len(measurement.set_errors_mm)))
    order = np.argsort(measurement.set_errors_mm) if len(measurement.set_errors_mm) else np.arange(1)
    average = order[len(order) // 4 : -(len(order) // 4) or None]
    widest = max(average, key=lambda number: float(np.ptp(starts[number] * scan.spacing_mm, axis=0).sum()))
    return cut(scan, starts[widest : widest + 1], view_size(loaded))
