"""The same place in another scan, by asking many views of it: how far is it from here to there?

A task that predicts gaps was never told that views come from one scan. Asked for the gap from a place in one body to a
view of another, it answers with the gap between *corresponding* places. Each view of the other scan then points at where
the place must be: its own middle, less the gap to it. The views that say they are nearest are believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.explorer.dense import Dense, view_size
from orienteer.explorer.scan import OpenScan
from orienteer.runs.loaded import LoadedRun
from orienteer.tasks.base import Features, FeatureSpec
from orienteer.types import TripleMm

BELIEVED = 27
"""How many views, the nearest by their own word, point at the place: about all that overlap it."""

OUTSIDE = 0.25
"""Share of half a view by which a place must lie outside the scan to be called outside. With the demo model that found 50
of 52 organs cut away by more than 20 mm, with one false alarm among 265 that were there."""

AT_ONCE = 31
"""Views that are asked together: with the one that asks, a set of 32."""


@dataclass(frozen=True)
class Query:
    """A place to look for.

    Attributes:
        point_mm: the place.
        centre_mm: middle of the view at it.
        coarsest: the encoder's last feature map of that view.
        around: unit vector of the embedding around the place.
    """

    point_mm: TripleMm
    centre_mm: TripleMm
    coarsest: Float[Tensor, "channels cells0 cells1 cells2"]
    around: Float[Tensor, " width"]


@dataclass(frozen=True)
class Found:
    """A place that was found.

    Attributes:
        place_mm: where it is.
        outside: the views point to a place outside the scan by an eighth of a view or more; ``place_mm`` is the nearest inside.
        spread_mm: how far apart the believed views point, root mean square from where they point on the whole.
    """

    place_mm: TripleMm
    outside: bool
    spread_mm: float


def tasks_from_coarsest(loaded: LoadedRun) -> tuple[str, ...]:
    """Returns the tasks that predict gaps from the encoder's last level alone: only that is kept for whole scans."""
    features = loaded.features(torch.zeros(1, 2, 1, *view_size(loaded)))
    able = []
    for name, task in loaded.network.tasks.items():
        try:
            with torch.no_grad():
                gaps = loaded.gaps_mm({name: task(_coarsest_only(loaded, features.levels[-1]))})
        except (RuntimeError, NotImplementedError):  # it reads a level that holds no values
            continue
        if gaps and not any(value.is_meta for value in gaps.values()):
            able.append(name)
    return tuple(able)


def find_place(query: Query, scan: OpenScan, dense: Dense, loaded: LoadedRun, tasks: Sequence[str]) -> Found:
    """Returns where in a scan a place is, by the views of the scan; by the embedding where no task predicts gaps."""
    if tasks:
        gaps = gaps_to_views(query, dense, loaded, tasks)
        nearest = np.argsort(np.linalg.norm(gaps, axis=1))[:BELIEVED]
        offset = np.subtract(query.point_mm, query.centre_mm)
        votes = dense.centres_mm[nearest] - gaps[nearest] + offset
    else:
        votes = _most_alike(query, scan, dense)
    low, high = scan.bounds_mm
    wanted = np.median(votes, axis=0)
    place = np.clip(wanted, low, high)
    away = np.linalg.norm(votes - wanted, axis=1)
    return Found(
        place_mm=(float(place[0]), float(place[1]), float(place[2])),
        outside=bool(np.linalg.norm(wanted - place) > OUTSIDE * half_view_mm(loaded)),
        spread_mm=float(np.sqrt(np.square(away).mean())),
    )


def half_view_mm(loaded: LoadedRun) -> float:
    """Returns half the shortest edge of a view, mm: a view reaches so far from its middle at least."""
    assert loaded.preparation.spacing_mm is not None
    return float(np.min(np.array(view_size(loaded)) * loaded.preparation.spacing_mm)) / 2


@torch.no_grad()
def gaps_to_views(query: Query, dense: Dense, loaded: LoadedRun, tasks: Sequence[str]) -> Float[np.ndarray, "views 3"]:
    """Returns the predicted gaps from the place to each view of the scan, mm, mean over tasks."""
    parts = []
    for some in dense.coarsest.split(AT_ONCE):
        features = _coarsest_only(loaded, torch.cat([query.coarsest[None], some])[None])
        predictions = {name: loaded.network.tasks[name](features) for name in tasks}
        found = loaded.gaps_mm(predictions)
        parts.append(torch.stack([gaps[0, 0, 1:] for gaps in found.values()]).mean(dim=0))
    return torch.cat(parts).double().cpu().numpy()


def _most_alike(query: Query, scan: OpenScan, dense: Dense) -> Float[np.ndarray, "views 3"]:
    cosine = torch.einsum("wijk,w->ijk", dense.parts, query.around).cpu().numpy()
    cosine[~dense.covered] = -2
    best = np.argsort(cosine, axis=None)[-BELIEVED:]
    origin_mm, cell_mm = dense.cell_grid(scan)
    return np.array(origin_mm) + np.stack(np.unravel_index(best, cosine.shape), axis=1) * cell_mm


def _coarsest_only(loaded: LoadedRun, coarsest: Float[Tensor, "1 views channels c0 c1 c2"]) -> Features:
    """Returns features whose finer levels have a shape but no values, so that no task can read them unnoticed."""
    views = coarsest.shape[1]
    encoder = loaded.network.encoder
    empty = []
    for channels, stride in zip(encoder.channels[:-1], encoder.strides[:-1], strict=True):
        cells = FeatureSpec(channels, stride).cells(view_size(loaded))
        empty.append(torch.empty(1, views, channels, *cells, device="meta"))
    return Features((*empty, coarsest))
