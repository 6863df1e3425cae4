"""What the explorer answers: gaps and routes, a heat map, the same place in another scan. The page shows nothing else."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from orienteer.explorer.overlay import OverlayGrid
from orienteer.explorer.scan import Place
from orienteer.types import TripleMm


@dataclass(frozen=True)
class Route:
    """The route through the points in the given order, as a task predicts it.

    Attributes:
        stops_mm: predicted end of each step, from the true centre of the first view on, ``(points, 3)``.
        end_miss_mm: distance of the last stop from the centre of the last view.
        closure_mm: distance from the start after the way through all points and back; it needs no truth. None if the
            task's edges are differences of positions, which close by construction.
        radii_mm: the distance within which each stop lies with a probability of about 90 %: the error bars of the steps up
            to it, added as if they were independent; None without error bars.
    """

    stops_mm: Float[np.ndarray, "points 3"]
    end_miss_mm: float
    closure_mm: float | None
    radii_mm: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Gaps:
    """Gaps between views around points.

    Attributes:
        places: the views.
        true_mm: ``(points, points, 3)``, from the centre of view i to that of view j.
        predicted_mm: the same as each task predicts it, by the task's name.
        routes: the route through the points as each task predicts it.
        bars_mm: the distance within which each predicted gap ends with a probability of 90 %, ``(points, points)``, for each
            task with error bars.
    """

    places: tuple[Place, ...]
    true_mm: Float[np.ndarray, "points points 3"]
    predicted_mm: dict[str, Float[np.ndarray, "points points 3"]]
    routes: dict[str, Route]
    bars_mm: dict[str, Float[np.ndarray, "points points"]]


@dataclass(frozen=True)
class Heat:
    """A heat map: how similar every place of a scan is to one place.

    Attributes:
        cosine: similarity of each cell of the features, -1 to 1; NaN in air.
        origin_mm: centre of cell 0 in the body frame.
        cell_mm: size of a cell.
        nearness: rank correlation of similarity with nearness to the point; None in the second scan, where the true place
            is not known.
        source: the task whose embedding was compared, or ``encoder`` if no task embeds places.
        grid: a finer grid, about that of the scan as it is shown.
        codes: rank of each of its cells among all places of the body, with contours; see `orienteer.explorer.heat`.
        alike_mm: how far the most similar 5 % of the body lie from the point in the median; in the second scan, from their
            own median.
        all_mm: the same of all places of the body: what chance gives.
        distinct: ``one region``, ``several regions`` or ``few places``: how well the model distinguishes the place.
    """

    cosine: Float32[np.ndarray, "cells0 cells1 cells2"]
    origin_mm: TripleMm
    cell_mm: TripleMm
    nearness: float | None
    source: str
    grid: OverlayGrid
    codes: UInt8[np.ndarray, "grid0 grid1 grid2"]
    alike_mm: float
    all_mm: float
    distinct: str


@dataclass(frozen=True)
class SamePlace:
    """The place of the second scan that corresponds to one of the first, as the model predicts it.

    Attributes:
        asked: the view in the first scan.
        place_mm: the same place in the second scan.
        outside: it is probably outside the second scan; ``place_mm`` is the nearest place inside.
        expect_mm: the distance within which the place lies with a probability of 90 %; None for a place outside.
        agreement: correlation of the features and grey values of the two scans under the map between them.
        way_back_mm: the same place in the first scan, by the map back from ``place_mm``.
        way_back_miss_mm: its distance from the point that was asked for.
        unsure: reasons to doubt the place, in words; empty if there are none.
    """

    asked: Place
    place_mm: TripleMm
    outside: bool
    expect_mm: float | None
    agreement: float
    way_back_mm: TripleMm
    way_back_miss_mm: float
    unsure: tuple[str, ...]
