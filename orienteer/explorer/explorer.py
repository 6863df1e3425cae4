"""Explorer: answers questions about places of one or two open scans. The page shows what it answers, nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float

from orienteer.errors import InputError
from orienteer.explorer.answers import Gaps, Heat, SamePlace
from orienteer.explorer.colours import FeatureColours, feature_colours
from orienteer.explorer.heat import heat_map
from orienteer.explorer.kept import Kept
from orienteer.explorer.kept_features import keep_features, kept_features
from orienteer.explorer.kept_maps import keep_maps, kept_maps
from orienteer.explorer.routes import predicted_route
from orienteer.explorer.same_place import PlaceMaps, doubts, place_maps
from orienteer.explorer.scan import OpenScan, Place
from orienteer.explorer.scan_features import ScanFeatures, compute_features, embedding_source, grid_starts
from orienteer.explorer.session import MOST_POINTS, NotReady, Which
from orienteer.explorer.view_cache import Levels, ViewCache
from orienteer.explorer.view_geometry import view_size
from orienteer.locating.answers import OUTSIDE
from orienteer.progress import Progress
from orienteer.runs.error_bars_file import read_error_bars
from orienteer.runs.loaded import LoadedRun
from orienteer.tasks.base import Features
from orienteer.types import Triple


class Explorer:
    """Answers questions about one or two open scans. It may be used by several threads.

    Args:
        loaded: the run.
        first: the scan to explore.
        second: another scan, to find the same places in.
        kept: features that were computed before; new ones are added. None keeps nothing.

    Example:
        >>> import tempfile
        >>> from orienteer.explorer.open_scan import open_scan
        >>> from orienteer.runs.loaded import load_run
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, scans = example_run(folder)
        ...     loaded = load_run(run, device="cpu")
        ...     explorer = Explorer(loaded, open_scan(scans[0], loaded))
        >>> low, high = explorer.first.bounds_mm
        >>> centre = [(a + b) / 2 for a, b in zip(low, high)]
        >>> answer = explorer.gaps([low, centre, high])
        >>> answer.true_mm.shape, sorted(answer.predicted_mm)
        ((3, 3, 3), ['gap', 'route'])
    """

    def __init__(
        self, loaded: LoadedRun, first: OpenScan, second: OpenScan | None = None, kept: Kept | None = None
    ) -> None:
        self.loaded, self.first, self.second = loaded, first, second
        self.size_vox: Triple = view_size(loaded)
        self.gap_tasks = _gap_tasks(loaded)
        self.bars = read_error_bars(loaded.folder)
        self.failure: str | None = None
        self._source = embedding_source(loaded)
        self._features: dict[str, ScanFeatures] = {}
        self._maps: PlaceMaps | None = None
        self._done: dict[str, tuple[int, int]] = {which: (0, 1) for which in self.scans}
        self._cache, self._kept = ViewCache(), kept

    @property
    def scans(self) -> dict[str, OpenScan]:
        """The open scans: ``first``, and ``second`` if there is one."""
        return {"first": self.first} | ({} if self.second is None else {"second": self.second})

    @property
    def progress(self) -> dict[str, float]:
        """The share of each scan's features that is computed, 0 to 1, and with two scans of the maps between them: 0 or 1."""
        maps = {} if self.second is None else {"maps": 0.0 if self._maps is None else 1.0}
        features = {key: 1.0 if key in self._features else done / total for key, (done, total) in self._done.items()}
        return features | maps

    def prepare(self, shown: bool = True) -> None:
        """Computes the features of all places of the scans, which `heat` needs, and the maps between them for `same_place`.

        Args:
            shown: whether to draw a progress bar in the terminal.
        """
        for which, scan in self.scans.items():
            if which not in self._features:
                self._features[which] = self._compute(which, scan, shown)
        if self.second is not None and self._maps is None:
            self._maps = self._find_maps(self.second)

    def gaps(self, points_mm: Sequence[Sequence[float]]) -> Gaps:
        """Returns true and predicted gaps between the views around two or more points, and the route through them.

        Args:
            points_mm: points in the first scan, in the body frame.

        Raises:
            InputError: fewer than two points or too many, a point outside the scan, or a run that predicts no gaps.
        """
        if not 2 <= len(points_mm) <= MOST_POINTS:
            do = "add points" if len(points_mm) < 2 else "remove points"
            raise InputError("points", wanted=f"2 to {MOST_POINTS}", got=str(len(points_mm)), do=do)
        if not self.gap_tasks:
            raise InputError(
                "run",
                wanted="a task that predicts gaps",
                got=f"only {', '.join(self.loaded.network.tasks)}",
                do="pretrain with the method default",
            )
        places = tuple(self.first.place(point, self.size_vox) for point in points_mm)
        centres_mm = np.array([place.centre_mm for place in places])
        predicted, bars = self._predict([self._levels("first", place) for place in places])
        routes = {task: predicted_route(centres_mm, gaps, bars.get(task)) for task, gaps in predicted.items()}
        return Gaps(places, centres_mm[None, :, :] - centres_mm[:, None, :], predicted, routes, bars)

    def heat(self, point_mm: Sequence[float], which: Which = "first") -> Heat:
        """Returns how similar every place of a scan is to the place around a point of the first scan.

        Averages over parts of half a view's size are compared, as in training.

        Args:
            point_mm: a point in the first scan, in the body frame.
            which: the scan to compare with.

        Raises:
            NotReady: the features are still being computed.
            InputError: the point is outside the scan, or there is no second scan.
        """
        first, features = self._ready("first"), self._ready(which)
        self.first.place(point_mm, self.size_vox)
        around = first.around(point_mm, self.first, self.size_vox)
        return heat_map(around, self.scans[which], features, point_mm if which == "first" else None)

    def colours(self, which: Which = "first") -> FeatureColours:
        """Returns the features of a scan as three colours, the same in both scans.

        Raises:
            NotReady: the features are still being computed.
            InputError: there is no second scan.
        """
        first, features = self._ready("first"), self._ready(which)
        return feature_colours(self.scans[which], features, first)

    def same_place(self, point_mm: Sequence[float]) -> SamePlace:
        """Returns the corresponding place of the second scan, and where the way back from there ends.

        Raises:
            NotReady: the maps between the scans are still being computed.
            InputError: the point is outside the first scan, or there is no second scan.
        """
        second = self._scan("second")
        if self._maps is None:
            raise NotReady("the maps between the scans are still being computed; wait")
        asked = self.first.place(point_mm, self.size_vox)
        (there,) = self._maps.there.places(np.array([point_mm], np.float64))
        place = np.clip(there.point_mm, *second.bounds_mm)
        (back,) = self._maps.back.places(place[None])
        miss_mm = float(np.linalg.norm(np.subtract(back.point_mm, point_mm)))
        outside = there.verdict == OUTSIDE
        return SamePlace(
            asked=asked,
            place_mm=(float(place[0]), float(place[1]), float(place[2])),
            outside=outside,
            expect_mm=None if outside else there.error_bar_mm,
            agreement=self._maps.there.found.agreement,
            way_back_mm=back.point_mm,
            way_back_miss_mm=miss_mm,
            unsure=doubts(there, back, miss_mm),
        )

    def _find_maps(self, second: OpenScan) -> PlaceMaps:
        """Returns the maps between the scans: those that were kept, or new ones, which are kept."""
        known = None if self._kept is None else kept_maps(self._kept, self.first, second, self.loaded)
        if known is not None:
            return known
        with self._reporting(f"the maps between {self.first.name} and {second.name}"):
            maps = place_maps(self.first, second, self.loaded)
        if self._kept is not None:
            keep_maps(self._kept, self.first, second, self.loaded, maps)
        return maps

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Keeps what went wrong in the block for the page."""
        try:
            yield
        except Exception as error:
            self.failure = f"{what} could not be computed ({type(error).__name__}: {error})"
            raise

    def _compute(self, which: str, scan: OpenScan, shown: bool) -> ScanFeatures:
        """Returns the features of a scan: those that were kept, or new ones, which are kept."""
        known = None if self._kept is None else kept_features(self._kept, scan, self.loaded)
        if known is not None:
            return known
        features = self._encode(which, scan, shown)
        if self._kept is not None:
            keep_features(self._kept, scan, self.loaded, features)
        return features

    def _encode(self, which: str, scan: OpenScan, shown: bool) -> ScanFeatures:
        starts = grid_starts(scan, self.loaded, self._source.stride)
        with Progress(f"features of the {which} scan", len(starts), unit="views", shown=shown) as bar:

            def advance(count: int) -> None:
                bar.advance(count)
                self._done[which] = (self._done[which][0] + count, len(starts))

            with self._reporting(f"the features of {scan.name}"):
                return compute_features(self.loaded, scan, self._source, starts, advance)

    def _scan(self, which: Which) -> OpenScan:
        if which not in self.scans:
            raise InputError("second scan", wanted="one to compare with", got="none", do="give --scan twice")
        return self.scans[which]

    def _ready(self, which: Which) -> ScanFeatures:
        self._scan(which)
        if which not in self._features:
            raise NotReady(f"the features of the {which} scan are {100 * self.progress[which]:.0f} % computed; wait")
        return self._features[which]

    def _levels(self, which: str, place: Place) -> Levels:
        """Returns the feature maps of one view; those of recent views are kept."""

        def encode() -> Levels:
            images = self.scans[which].images([place.start_vox], self.size_vox)
            return tuple(level[0, 0] for level in self.loaded.features(images).levels)

        return self._cache.get((which, place.start_vox), encode)

    @torch.no_grad()
    def _predict(
        self, views: Sequence[Levels]
    ) -> tuple[dict[str, Float[np.ndarray, "points points 3"]], dict[str, Float[np.ndarray, "points points"]]]:
        """Returns the predicted gaps and the radii of their error bars, mm, by task."""
        features = Features(tuple(torch.stack(maps)[None] for maps in zip(*views, strict=True)))
        predictions = {name: self.loaded.network.tasks[name](features) for name in self.gap_tasks}
        gaps = {name: each[0].double().cpu().numpy() for name, each in self.loaded.gaps_mm(predictions).items()}
        scales = {name: each[0].double().cpu().numpy() for name, each in self.loaded.scales_mm(predictions).items()}
        return gaps, {name: self.bars[name].radii_mm(each) for name, each in scales.items() if name in self.bars}


@torch.no_grad()
def _gap_tasks(loaded: LoadedRun) -> tuple[str, ...]:
    features = loaded.features(torch.zeros(1, 2, 1, *view_size(loaded)))
    predictions = {name: task(features) for name, task in loaded.network.tasks_by_name.items()}
    return tuple(loaded.gaps_mm(predictions))
