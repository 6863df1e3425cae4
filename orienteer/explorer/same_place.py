"""The same place in another scan, from the predicted gaps between the place and many views of that scan.

A task that predicts gaps is not told whether views come from one scan. Given a view of one body and a view of another, it
predicts the gap between *corresponding* places. Each view of the other scan thus gives an estimate of the place: its own
centre minus the gap to it. The estimates of the views with the shortest predicted gaps are used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.explorer.view_geometry import half_view_mm, view_size
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.loaded import LoadedRun
from orienteer.tasks.base import Features, FeatureSpec
from orienteer.types import TripleMm

NEAREST_VIEWS = 27
"""Number of views whose estimates are used, those with the shortest predicted gaps: about all that overlap the place."""

OUTSIDE = 0.25
"""Share of half a view by which the estimate must be outside the scan for the place to be reported as outside. With the demo
model this detected 50 of 52 organs cut away by more than 20 mm, with one false alarm among 265 that were present."""

VIEWS_AT_ONCE = 31
"""Views in one prediction: with that of the place, a set of 32."""


@dataclass(frozen=True)
class Query:
    """A place to look for.

    Attributes:
        point_mm: the place.
        centre_mm: centre of the view at it.
        coarsest: the encoder's last feature map of that view.
        around: unit vector of the embedding around the place.
    """

    point_mm: TripleMm
    centre_mm: TripleMm
    coarsest: Float[Tensor, "channels cells0 cells1 cells2"]
    around: Float[Tensor, " width"]


@dataclass(frozen=True)
class PlaceEstimate:
    """The estimate of a place.

    Attributes:
        place_mm: where it is.
        outside: the estimate is outside the scan by more than an eighth of a view; ``place_mm`` is the nearest place inside.
        spread_mm: root mean square distance of the single estimates from their median.
        expect_mm: the distance within which it lies with a probability of 90 %: the median of the error bars of the single
            estimates, whose errors are nearly the same; None without error bars.
    """

    place_mm: TripleMm
    outside: bool
    spread_mm: float
    expect_mm: float | None = None


def tasks_on_last_level(loaded: LoadedRun) -> tuple[str, ...]:
    """Returns the tasks that predict gaps from the encoder's last level alone, the only one kept for whole scans."""
    features = loaded.features(torch.zeros(1, 2, 1, *view_size(loaded)))
    usable = []
    for name, task in loaded.network.tasks_by_name.items():
        try:
            with torch.no_grad():
                gaps = loaded.gaps_mm({name: task(_last_level_only(loaded, features.levels[-1]))})
        except (RuntimeError, NotImplementedError):  # it reads a level without values
            continue
        if gaps and not any(value.is_meta for value in gaps.values()):
            usable.append(name)
    return tuple(usable)


def find_place(
    query: Query,
    scan: OpenScan,
    features: ScanFeatures,
    loaded: LoadedRun,
    tasks: Sequence[str],
    bars: Mapping[str, ErrorBars],
) -> PlaceEstimate:
    """Returns the estimate of a place in a scan from the predicted gaps; from the embedding if no task predicts gaps."""
    expect_mm = None
    if tasks:
        gaps, radii = gaps_to_views(query, features, loaded, tasks, bars)
        nearest = np.argsort(np.linalg.norm(gaps, axis=1))[:NEAREST_VIEWS]
        expect_mm = None if radii is None else float(np.median(radii[nearest]))
        offset = np.subtract(query.point_mm, query.centre_mm)
        estimates = features.centres_mm[nearest] - gaps[nearest] + offset
    else:
        estimates = _most_similar(query, scan, features)
    low, high = scan.bounds_mm
    median = np.median(estimates, axis=0)
    place = np.clip(median, low, high)
    distances = np.linalg.norm(estimates - median, axis=1)
    return PlaceEstimate(
        place_mm=(float(place[0]), float(place[1]), float(place[2])),
        outside=bool(np.linalg.norm(median - place) > OUTSIDE * half_view_mm(loaded)),
        spread_mm=float(np.sqrt(np.square(distances).mean())),
        expect_mm=expect_mm,
    )


def doubts(there: PlaceEstimate, back: PlaceEstimate, miss_mm: float, loaded: LoadedRun) -> tuple[str, ...]:
    """Returns the reasons to doubt a place, in words; empty if there are none.

    No limit in it was chosen on scans: each compares two quantities of the same answer.

    Args:
        there: the estimate of the place.
        back: the estimate of the point, from there.
        miss_mm: its distance from the point.
        loaded: the run.
    """
    if there.outside:
        return ("the prediction is outside this scan: the place is probably not in it",)
    if there.expect_mm is None:
        return ("this run has no error bars",)
    reasons, half_mm = [], half_view_mm(loaded)
    if there.expect_mm > half_mm:
        reasons.append(f"the error bar is longer than half a view ({half_mm:.0f} mm)")
    if there.spread_mm > there.expect_mm:
        reasons.append("the single estimates differ by more than the error bar")
    if miss_mm > there.expect_mm + (back.expect_mm or 0.0):
        reasons.append("the way back misses the point by more than both error bars together")
    return tuple(reasons)


@torch.no_grad()
def gaps_to_views(
    query: Query, features: ScanFeatures, loaded: LoadedRun, tasks: Sequence[str], bars: Mapping[str, ErrorBars]
) -> tuple[Float[np.ndarray, "views 3"], Float[np.ndarray, " views"] | None]:
    """Returns the predicted gaps from the place to each view of the scan in mm, and their error bars; means over tasks."""
    parts, radii = [], []
    for batch in features.coarsest.split(VIEWS_AT_ONCE):
        levels = _last_level_only(loaded, torch.cat([query.coarsest[None], batch])[None])
        predictions = {name: loaded.network.tasks[name](levels) for name in tasks}
        parts.append(torch.stack([gaps[0, 0, 1:] for gaps in loaded.gaps_mm(predictions).values()]).mean(dim=0))
        scales = {name: each[0, 0, 1:].double().cpu().numpy() for name, each in loaded.scales_mm(predictions).items()}
        known = [bars[name].radii_mm(each) for name, each in scales.items() if name in bars]
        radii += [np.mean(known, axis=0)] if known else []
    return torch.cat(parts).double().cpu().numpy(), np.concatenate(radii) if radii else None


def _most_similar(query: Query, scan: OpenScan, features: ScanFeatures) -> Float[np.ndarray, "views 3"]:
    cosine = torch.einsum("wijk,w->ijk", features.parts, query.around).cpu().numpy()
    cosine[~features.covered] = -2
    best = np.argsort(cosine, axis=None)[-NEAREST_VIEWS:]
    origin_mm, cell_mm = features.cell_grid(scan)
    cells = np.stack(np.unravel_index(best, cosine.shape), axis=1)
    return np.asarray(np.array(origin_mm) + cells * cell_mm)


def _last_level_only(loaded: LoadedRun, coarsest: Float[Tensor, "1 views channels c0 c1 c2"]) -> Features:
    """Returns features whose finer levels have a shape but no values, so that a task that reads them fails."""
    views = coarsest.shape[1]
    encoder = loaded.network.encoder
    empty = []
    for channels, stride in zip(encoder.channels[:-1], encoder.strides[:-1], strict=True):
        cells = FeatureSpec(channels, stride).cells(view_size(loaded))
        empty.append(torch.empty(1, views, channels, *cells, device="meta"))
    return Features((*empty, coarsest))
