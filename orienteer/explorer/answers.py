"""What the model says about places that a person points at: gaps and routes, likeness, the same place elsewhere.

This is all that the page shows, as plain Python: the server adds nothing to it.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from scipy.stats import spearmanr
from torch import Tensor

from orienteer.errors import InputError
from orienteer.explorer.dense import Dense, dense_features, view_size
from orienteer.explorer.same import Query, find_place, half_view_mm, tasks_from_coarsest
from orienteer.explorer.scan import OpenScan, Place
from orienteer.progress import Progress
from orienteer.runs.loaded import LoadedRun
from orienteer.tasks.base import Features
from orienteer.types import Triple, TripleMm

Which = Literal["first", "second"]

MOST_POINTS = 12
"""Points of one question. The page's colours and a person's eyes hold no more."""

CACHE_BYTES = 512 * 2**20
"""Memory for the feature maps of views that were asked about before."""

CLOSED_BY_CONSTRUCTION_MM = 1e-3
"""Routes that close better than this do so because the task's edges are differences of positions, not by knowledge."""


@dataclass(frozen=True)
class Route:
    """The way through the points in the order they were given, as a task predicts it.

    Attributes:
        stops_mm: where each step ends by the prediction, from the first view's true middle on, ``(points, 3)``.
        end_miss_mm: how far the last stop is from the last view's middle.
        closure_mm: how far the way through all points and back to the first misses it. Needs no truth. None where the
            task's edges are differences of positions, which close whatever they say.
    """

    stops_mm: Float[np.ndarray, "points 3"]
    end_miss_mm: float
    closure_mm: float | None


@dataclass(frozen=True)
class Gaps:
    """Gaps between views around points.

    Attributes:
        places: the views.
        true_mm: ``(points, points, 3)``, from the middle of view i to that of view j.
        predicted_mm: the same as each task predicts it, by the task's name.
        routes: the way through the points as each task predicts it.
    """

    places: tuple[Place, ...]
    true_mm: Float[np.ndarray, "points points 3"]
    predicted_mm: dict[str, Float[np.ndarray, "points points 3"]]
    routes: dict[str, Route]


@dataclass(frozen=True)
class Heat:
    """How much every place of a scan is like one place.

    Attributes:
        cosine: for each cell, -1 to 1; NaN where the scan shows air.
        origin_mm: body-frame place of the middle of cell 0.
        cell_mm: size of a cell.
        nearness: rank correlation of likeness with nearness to the point; None in the second scan, where the place has
            no known counterpart.
        source: the task whose embedding was compared, or ``encoder`` where the run has none.
    """

    cosine: Float32[np.ndarray, "cells0 cells1 cells2"]
    origin_mm: TripleMm
    cell_mm: TripleMm
    nearness: float | None
    source: str


@dataclass(frozen=True)
class SamePlace:
    """The place of the second scan that the model holds to be the same as one of the first.

    Attributes:
        asked: the view in the first scan.
        place_mm: the same place in the second scan.
        outside: the model looks for it outside the second scan; ``place_mm`` is the nearest place inside.
        confidence: 0 to 1: how much of half a view the way back does *not* miss; 0 where the place is outside. It needs no
            truth.
        spread_mm: how far apart the views of the second scan point that it was found with, root mean square.
        cosine: how alike the two places are by the embedding of the heat map.
        way_back_mm: what the model holds to be the same place in the first scan, beginning from ``place_mm``.
        way_back_miss_mm: how far that is from where the search began.
        source: what it was found with: the tasks that predict gaps, or the embedding where there are none.
    """

    asked: Place
    place_mm: TripleMm
    outside: bool
    confidence: float
    spread_mm: float
    cosine: float
    way_back_mm: TripleMm
    way_back_miss_mm: float
    source: str


class NotReady(RuntimeError):
    """The features of a scan are still being computed."""


class Explorer:
    """Answers questions about one or two open scans. Safe to ask from several threads.

    Args:
        loaded: the run.
        first: the scan to explore.
        second: another one, to find the same places in.

    Example:
        >>> import tempfile
        >>> from orienteer.explorer.scan import open_scan
        >>> from orienteer.runs.loaded import load_run
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> from orienteer.pretraining.pretrain import pretrain
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     small = {"shape_vox": (40, 32, 48), "spacing_mm": 8.0, "progress": False}
        ...     scans = write_phantoms(f"{folder}/scans", count=3, **small)
        ...     settings = {"view_size": (16, 16, 16), "encoder": "tiny", "encoder_arguments": {"stem_stride": 1}}
        ...     _ = pretrain(f"{folder}/scans", f"{folder}/run", steps=2, batch=2, workers=0, **settings)
        ...     run = load_run(f"{folder}/run", device="cpu")
        ...     explorer = Explorer(run, open_scan(scans[0], run))
        >>> low, high = explorer.first.bounds_mm
        >>> middle = [(a + b) / 2 for a, b in zip(low, high)]
        >>> answer = explorer.gaps([low, middle, high])
        >>> answer.true_mm.shape, sorted(answer.predicted_mm)
        ((3, 3, 3), ['gap', 'route'])
    """

    def __init__(self, loaded: LoadedRun, first: OpenScan, second: OpenScan | None = None) -> None:
        self.loaded, self.first, self.second = loaded, first, second
        self.size_vox: Triple = view_size(loaded)
        self.gap_tasks, self.vote_tasks = _gap_tasks(loaded), tasks_from_coarsest(loaded)
        self._dense: dict[str, Dense] = {}
        self._progress: dict[str, tuple[int, int]] = {which: (0, 1) for which in self.scans}
        self._seen: OrderedDict[tuple[str, Triple], tuple[Tensor, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self.failure: str | None = None

    @property
    def scans(self) -> dict[str, OpenScan]:
        """The open scans: ``first``, and ``second`` where there is one."""
        return {"first": self.first} | ({} if self.second is None else {"second": self.second})

    @property
    def progress(self) -> dict[str, float]:
        """How much of each scan's features is computed, 0 to 1."""
        return {which: 1.0 if which in self._dense else done / total for which, (done, total) in self._progress.items()}

    def prepare(self, shown: bool = True) -> None:
        """Computes the features of all places of the scans, which `heat` and `same_place` need; `gaps` does not.

        Args:
            shown: whether to draw a progress bar in the terminal.
        """
        for which, scan in self.scans.items():
            if which in self._dense:
                continue
            bars: list[Progress] = []

            def advance(done: int, total: int, which: str = which, bars: list[Progress] = bars) -> None:
                if not bars:
                    bars.append(Progress(f"features of the {which} scan", total, unit="views", shown=shown))
                bars[0].advance(done - self._progress[which][0])
                self._progress[which] = (done, total)

            try:
                self._dense[which] = dense_features(self.loaded, scan, advance)
            except Exception as error:
                self.failure = f"the features of {scan.name} could not be computed ({type(error).__name__}: {error})"
                raise
            finally:
                for bar in bars:
                    bar.close()

    def gaps(self, points_mm: Sequence[Sequence[float]]) -> Gaps:
        """Returns true and predicted gaps between the views around two or more points, and the route through them.

        Args:
            points_mm: body-frame points in the first scan.

        Raises:
            InputError: fewer than two points or too many, one outside the scan, or a run that predicts no gaps.
        """
        if not 2 <= len(points_mm) <= MOST_POINTS:
            do = "point at two places or more" if len(points_mm) < 2 else "remove some"
            raise InputError("points", wanted=f"2 to {MOST_POINTS}", got=str(len(points_mm)), do=do)
        if not self.gap_tasks:
            raise InputError(
                "run",
                wanted="a task that predicts gaps",
                got=f"only {', '.join(self.loaded.network.tasks)}",
                do="pretrain with the method default",
            )
        places = tuple(self.first.place(point, self.size_vox) for point in points_mm)
        centres = np.array([place.centre_mm for place in places])
        predicted = self._predict([self._features("first", place) for place in places])
        routes = {task: _route(centres, gaps) for task, gaps in predicted.items()}
        return Gaps(places, centres[None, :, :] - centres[:, None, :], predicted, routes)

    def heat(self, point_mm: Sequence[float], which: Which = "first") -> Heat:
        """Returns how much every place of a scan is like the place around a point of the first scan.

        Compared are averages over parts of half a view's size, as in training.

        Args:
            point_mm: a body-frame point in the first scan.
            which: the scan to compare.

        Raises:
            NotReady: the features are still being computed.
            InputError: the point is outside the scan, or there is no second scan.
        """
        first, dense, scan = self._ready("first"), self._ready(which), self.scans[which]
        self.first.place(point_mm, self.size_vox)
        wanted = first.around(point_mm, self.first, self.size_vox)
        cosine = torch.einsum("wijk,w->ijk", dense.parts, wanted).clamp(-1, 1).float().cpu().numpy()
        origin_mm, cell_mm = dense.cell_grid(scan)
        cosine = np.where(dense.covered, cosine, np.float32("nan"))
        nearness = _nearness(cosine, origin_mm, cell_mm, point_mm) if which == "first" else None
        return Heat(cosine, origin_mm, cell_mm, nearness, dense.source)

    def same_place(self, point_mm: Sequence[float]) -> SamePlace:
        """Returns the place of the second scan that the model holds to be the same, and where the way back leads.

        Raises:
            NotReady: the features are still being computed.
            InputError: the point is outside the first scan, or there is no second scan.
        """
        there, back = self._ready("second"), self._ready("first")
        assert self.second is not None
        asked = self.first.place(point_mm, self.size_vox)
        found = find_place(self._query("first", asked.centre_mm), self.second, there, self.loaded, self.vote_tasks)
        returned = find_place(self._query("second", found.place_mm), self.first, back, self.loaded, self.vote_tasks)
        here = back.around(asked.centre_mm, self.first, self.size_vox)
        cosine = float(here @ there.around(found.place_mm, self.second, self.size_vox))
        miss_mm = float(np.linalg.norm(np.subtract(returned.place_mm, asked.centre_mm)))
        confidence = 0.0 if found.outside else max(0.0, 1 - miss_mm / half_view_mm(self.loaded))
        return SamePlace(
            asked=asked,
            place_mm=found.place_mm,
            outside=found.outside,
            confidence=confidence,
            spread_mm=found.spread_mm,
            cosine=cosine,
            way_back_mm=returned.place_mm,
            way_back_miss_mm=miss_mm,
            source=" and ".join(self.vote_tasks) or there.source,
        )

    def _query(self, which: Which, point_mm: TripleMm) -> Query:
        scan, dense = self.scans[which], self._dense[which]
        place = scan.place(point_mm, self.size_vox)
        features = self._features(which, place)[-1]
        around = dense.around(point_mm, scan, self.size_vox)
        return Query(point_mm=point_mm, centre_mm=place.centre_mm, coarsest=features, around=around)

    def _ready(self, which: Which) -> Dense:
        if which not in self.scans:
            raise InputError("second scan", wanted="one to compare with", got="none", do="give --scan twice")
        if which not in self._dense:
            raise NotReady(f"the features of the {which} scan are {100 * self.progress[which]:.0f} % computed; wait")
        return self._dense[which]

    def _features(self, which: str, place: Place) -> tuple[Tensor, ...]:
        """Returns the feature maps of one view, ``(channels, cells...)`` each; those asked for before are kept."""
        key = (which, place.start_vox)
        with self._lock:
            if key not in self._seen:
                levels = self.loaded.features(self.scans[which].images([place.start_vox], self.size_vox)).levels
                self._seen[key] = tuple(level[0, 0] for level in levels)
                while len(self._seen) > 1 and sum(map(_nbytes, self._seen.values())) > CACHE_BYTES:
                    self._seen.popitem(last=False)
            self._seen.move_to_end(key)
            return self._seen[key]

    @torch.no_grad()
    def _predict(self, views: Sequence[tuple[Tensor, ...]]) -> dict[str, Float[np.ndarray, "points points 3"]]:
        features = Features(tuple(torch.stack(maps)[None] for maps in zip(*views, strict=True)))
        predictions = {name: self.loaded.network.tasks[name](features) for name in self.gap_tasks}
        return {name: gaps[0].double().cpu().numpy() for name, gaps in self.loaded.gaps_mm(predictions).items()}


def _route(centres: Float[np.ndarray, "points 3"], gaps: Float[np.ndarray, "points points 3"]) -> Route:
    order = np.arange(len(centres))
    steps = gaps[order[:-1], order[1:]]  # from each point to the next
    stops = centres[0] + np.concatenate([np.zeros((1, 3)), steps.cumsum(axis=0)])
    closure = float(np.linalg.norm(steps.sum(axis=0) + gaps[-1, 0]))
    by_construction = np.abs(gaps + gaps.transpose(1, 0, 2)).max() < CLOSED_BY_CONSTRUCTION_MM
    known = not (by_construction and closure < CLOSED_BY_CONSTRUCTION_MM)
    return Route(stops, float(np.linalg.norm(stops[-1] - centres[-1])), closure if known else None)


def _nearness(
    cosine: Float32[np.ndarray, "cells0 cells1 cells2"],
    origin_mm: TripleMm,
    cell_mm: TripleMm,
    point_mm: Sequence[float],
) -> float:
    known = np.isfinite(cosine)
    places = np.array(origin_mm) + np.argwhere(known) * cell_mm
    return float(spearmanr(cosine[known], -np.linalg.norm(places - point_mm, axis=1)).statistic)


@torch.no_grad()
def _gap_tasks(loaded: LoadedRun) -> tuple[str, ...]:
    blank = torch.zeros(1, 2, 1, *view_size(loaded))
    features = loaded.features(blank)
    predictions = {name: task(features) for name, task in loaded.network.tasks.items()}
    return tuple(loaded.gaps_mm(predictions))


def _nbytes(levels: tuple[Tensor, ...]) -> int:
    return sum(level.nbytes for level in levels)
