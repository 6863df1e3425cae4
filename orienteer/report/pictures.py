"""What a model believes about one scan, drawn on the whole scan: gaps, parts that look alike, routes.

A picture is chosen by what a prediction holds, not by the name of a task: gaps from view to view give matrices and
arrows, an embedding of every place gives near and far parts. Any other task shows its own picture.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from orienteer.draw.arrows import draw_miss, draw_route
from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.markup import Picture
from orienteer.draw.palette import FAR, NEAR, PREDICTED, TRUE, view_colour
from orienteer.draw.plots import matrix_pair, per_axis_error, truth_scatter
from orienteer.draw.slices import in_plane, three_slices, write_on_scan
from orienteer.geometry.boxes import box_averages, box_corners, box_grids
from orienteer.geometry.pairs import gap_matrix
from orienteer.report.scan_errors import ScanFigures
from orienteer.report.whole_scan import WholeScan, cut, draw_sets
from orienteer.runs.loaded import LoadedRun
from orienteer.tasks import scene
from orienteer.types import AXIS_NAMES
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAW_GRID = 8
"""Cells per axis to which the intensities of a part are averaged before they are compared."""

Cosines = dict[str, float]


def draw_scan(loaded: LoadedRun, scan: WholeScan, figures: ScanFigures) -> list[Picture]:
    """Returns what the model believes about a scan, on a view set of middling error.

    Args:
        loaded: the model.
        scan: the scan, prepared with the run's own settings.
        figures: what `measure_scan` measured on it.
    """
    views = _typical_set(loaded, scan, figures)
    predictions = loaded.predict(views)
    gaps_mm = {name: gaps[0].cpu().numpy() for name, gaps in loaded.gaps_mm(predictions).items()}
    pictures = []
    if gaps_mm:
        pictures += [_gaps(views, gaps_mm, figures), _route(views, gaps_mm, scan)]
    for name, prediction in predictions.items():
        task = loaded.network.tasks[name]
        targets = task.targets(views.to(loaded.device))  # type: ignore[operator]
        if hasattr(prediction, "embedding") and hasattr(targets, "parts_vox"):
            pictures.append(_near_far(views, prediction, targets, scan))
        elif name not in gaps_mm:
            pictures.append(_own(name, task.picture(views, prediction, targets)))  # type: ignore[operator]
    return pictures


def _typical_set(loaded: LoadedRun, scan: WholeScan, figures: ScanFigures) -> ViewBatch:
    """Returns, of the view sets whose error is neither among the least nor the largest quarter, the widest one."""
    assert loaded.config.view_size is not None
    starts = draw_sets(scan, loaded.policy, max(1, len(figures.set_errors_mm)))
    order = np.argsort(figures.set_errors_mm) if len(figures.set_errors_mm) else np.arange(1)
    middling = order[len(order) // 4 : -(len(order) // 4) or None]
    widest = max(middling, key=lambda number: float(np.ptp(starts[number] * scan.spacing_mm, axis=0).sum()))
    return cut(scan, starts[widest : widest + 1], loaded.config.view_size)


def _gaps(views: ViewBatch, gaps_mm: Mapping[str, np.ndarray], figures: ScanFigures) -> Picture:
    """Both distance matrices of one view set, all pairs of the scan against the truth, and the error per axis."""
    true_mm = gap_matrix(views.centres_mm)[0].numpy()
    errors = {
        name: np.linalg.norm(gaps - figures.true_mm, axis=1).mean() for name, gaps in figures.predicted_mm.items()
    }
    best = min(errors, key=lambda name: errors[name])
    predicted_mm, guess_mm = figures.predicted_mm[best], gaps_mm[best]
    figure = new_figure(1350, 420)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(5, 6))[0]
    matrix_pair(left, np.linalg.norm(true_mm, axis=-1), np.linalg.norm(guess_mm, axis=-1))
    scatter, axes = right.subplots(1, 2)
    lengths, guesses = np.linalg.norm(figures.true_mm, axis=1), np.linalg.norm(predicted_mm, axis=1)
    trivial_mm = float(lengths.mean())
    truth_scatter(scatter, lengths, guesses, trivial_mm)
    missed_mm = predicted_mm - figures.true_mm
    per_axis_error(axes, missed_mm)
    off = [float(np.abs(missed_mm[:, axis]).mean()) for axis in range(3)]
    by_axis = ", ".join(f"{value:.0f} mm {name}" for value, name in zip(off, AXIS_NAMES, strict=True))
    text = (
        f"The two tables show how far apart {views.views} views of this scan are: as its header says, and as the model "
        f"says from the voxels alone. The dots are all {len(lengths)} pairs that were looked at; on the diagonal the "
        f"model is right, and the grey line is a guess that always says this scan's mean distance, {trivial_mm:.0f} mm. "
        f"Here the predicted gap misses the true one by {errors[best]:.0f} mm on average. Along the axes of the body "
        f"it is off by {by_axis}."
    )
    alt = (
        f"Matrices of true and predicted distances between {views.views} views, predicted against true distance for "
        f"{len(lengths)} pairs, and the error per axis: {by_axis}."
    )
    return Picture("How far apart, and which way", text, alt, to_png(figure))


def _route(views: ViewBatch, gaps_mm: Mapping[str, np.ndarray], scan: WholeScan) -> Picture:
    """A route through the views of one set on the scan, true and predicted, with the missed end point."""
    order = list(range(views.views))
    back = {name: float(np.linalg.norm(_around(gaps, order))) for name, gaps in gaps_mm.items()}
    shown = max(back, key=lambda name: back[name])  # routes that close by construction have nothing to show
    stops_mm = views.centres_mm[0].double().numpy()
    steps_mm = gaps_mm[shown][order[:-1], order[1:]]
    reached_mm = np.concatenate([stops_mm[:1], stops_mm[0] + steps_mm.cumsum(axis=0)])
    missed_mm = float(np.linalg.norm(reached_mm[-1] - stops_mm[-1]))
    long_mm = float(np.linalg.norm(np.diff(stops_mm, axis=0), axis=1).sum())
    figure = new_figure(1300, 560)
    for axis, axes in enumerate(_slices(figure, scan, stops_mm.mean(axis=0))):
        draw_route(axes, axis, stops_mm, TRUE, label="true")
        draw_route(axes, axis, reached_mm, PREDICTED, label="predicted", dashed=True)
        draw_miss(axes, axis, stops_mm[-1], reached_mm[-1])
    axes.legend(loc="upper left", fontsize=8)
    closes = "" if back[shown] < 1e-3 else (
        f" Led on back to its start, the predicted route ends {back[shown]:.0f} mm beside it: the closure error. It "
        "needs no truth, so it can be read on any scan; a model with a coherent picture of the scan keeps it small."
    )  # fmt: skip
    text = (
        f"A route of {long_mm:.0f} mm through the centres of {views.views} views, drawn through the scan from three "
        "sides (arrows are projected onto the slices). Solid and blue is the way by the header, dashed and orange the "
        f"way that the model predicts step by step. Its end point is missed by {missed_mm:.0f} mm.{closes}"
    )
    alt = f"Three slices of the scan with the true and the predicted route; the end point is missed by {missed_mm:.0f} mm."
    return Picture("The way from view to view", text, alt, to_png(figure))


def _near_far(views: ViewBatch, prediction: Any, targets: Any, scan: WholeScan) -> Picture:
    """The near and far parts of the two views that lie farthest apart, on the scan, with how alike they are."""
    pair = _farthest(views)
    model, raw = _part_cosines(prediction, targets, pair), _raw_cosines(views, targets, pair)
    centres_mm = scene.centres_mm(views)
    size_mm = np.array(views.size_vox) * np.array(views.spacing_mm)
    part_mm = np.array(targets.part_size_vox) * np.array(views.spacing_mm)
    parts_vox = targets.parts_vox[0].cpu().double().numpy()
    figure = new_figure(1700, 560)
    flat, deep = figure.subfigures(1, 2, squeeze=False, width_ratios=(13, 4))[0]
    scene.frame_pair(deep.add_subplot(projection="3d"), views, pair, parts_vox, part_mm, (NEAR, FAR))
    for axis, axes in enumerate(_slices(flat, scan, centres_mm[list(pair)].mean(axis=0))):
        across, up = in_plane(axis)
        for number, (view, other) in enumerate((pair, pair[::-1])):
            draw_box(axes, axis, centres_mm[view], size_mm, view_colour(number), label=f"view {view + 1}")
            for side, colour, word in ((0, NEAR, "near"), (1, FAR, "far")):
                middle_mm = scene.voxels_to_mm(views, view, parts_vox[view, other, side])
                draw_box(axes, axis, middle_mm, part_mm, colour, dashed=side == 1)
                write_on_scan(axes, word, (float(middle_mm[across]), float(middle_mm[up])), colour, above=side == 1)
    right = "as it should be" if model["near"] > model["far"] else "the wrong way round"
    text = (
        f"Views {pair[0] + 1} and {pair[1] + 1}, and the parts of them that face each other (near, solid green) and face "
        "away from each other (far, dashed purple). The model gives every place a vector; 1 means the same direction, "
        f"-1 the opposite. It finds the near parts alike to {model['near']:.2f} and the far parts to "
        f"{model['far']:.2f}: {right}. The bare intensities give {raw['near']:.2f} and {raw['far']:.2f}, which is what "
        "one gets without any learning."
    )
    alt = (
        f"Three slices of the scan, and space, with two views, their near parts (similarity {model['near']:.2f}) and "
        f"far parts (similarity {model['far']:.2f})."
    )
    return Picture("Which parts look alike", text, alt, to_png(figure))


def _farthest(views: ViewBatch) -> tuple[int, int]:
    lengths = gap_matrix(views.centres_mm)[0].norm(dim=-1).numpy()
    first, second = np.unravel_index(lengths.argmax(), lengths.shape)
    return min(int(first), int(second)), max(int(first), int(second))


def _own(name: str, figure: "Figure") -> Picture:
    text = f"What the task '{name}' shows of its own accord, on one view set of this scan."
    return Picture(f"The task '{name}'", text, f"The picture of the task {name}.", to_png(figure))


def _slices(figure: Any, scan: WholeScan, at_mm: Float[np.ndarray, " 3"]) -> Sequence[Any]:
    """Draws three slices of the whole scan through a place."""
    place = np.rint((at_mm - np.array(scan.origin_mm)) / np.array(scan.spacing_mm)).astype(int)
    i, j, k = (int(np.clip(index, 0, size - 1)) for index, size in zip(place, scan.shape_vox, strict=True))
    return three_slices(figure, scan.voxels, (i, j, k), scan.spacing_mm, scan.origin_mm, scene.INTENSITIES)


def _around(gaps_mm: np.ndarray, order: Sequence[int]) -> np.ndarray:
    return gaps_mm[order, [*order[1:], order[0]]].sum(axis=0)


def _part_cosines(prediction: Any, targets: Any, pair: tuple[int, int]) -> Cosines:
    maps = prediction.embedding[0, list(pair)].float()
    low, high = _corners(targets, pair)
    return _cosines(box_averages(maps, low.to(maps), high.to(maps), prediction.stride))


def _raw_cosines(views: ViewBatch, targets: Any, pair: tuple[int, int]) -> Cosines:
    grids = box_grids(views.images[0, list(pair), 0].float(), *_corners(targets, pair), RAW_GRID).flatten(2)
    return _cosines(grids - grids.mean(dim=-1, keepdim=True))


def _corners(targets: Any, pair: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Returns the corners of the near and far part of each of two views with respect to the other, ``(2, 2, 3)``."""
    first, second = pair
    middles = torch.stack([targets.parts_vox[0, first, second], targets.parts_vox[0, second, first]])
    return box_corners(middles.float().cpu(), targets.part_size_vox)


def _cosines(parts: Float[Tensor, "two=2 sides=2 channels"]) -> Cosines:
    near, far = (float(cosine_similarity(parts[0, side], parts[1, side], dim=0)) for side in (0, 1))
    return {"near": near, "far": far}
