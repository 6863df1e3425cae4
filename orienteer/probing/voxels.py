"""A segmentation from frozen features, voxel by voxel, beside the floor that does not look at the image."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64, Integer, UInt8

from orienteer.features.whole_scan import FrozenEncoder, features_at
from orienteer.labelled.cases import LabelledCase, open_labels
from orienteer.probing.models import Choice, Kind, fit_probe
from orienteer.progress import Progress
from orienteer.scans.store import Store

INNER_SHARE = 3
"""Every third training case chooses the strength of the model."""

MOST_CELLS = 50_000_000
"""Cells times classes of the map that ignores the image. A larger map is made coarser."""

Labels = UInt8[np.ndarray, "size0 size1 size2"]


class VoxelProbe:
    """Fits on sampled voxels of the training cases, and scores all voxels of a lattice over each test case.

    Args:
        training: the cases to fit on.
        test: the cases to score.
        classes: how many there are, background among them.
        voxels: sampled per training case: half anywhere, half from the foreground classes in equal parts.
        test_voxels: at most so many per test case; larger cases are scored on a regular lattice.
        overlap: of the views, as in `features_at`.
    """

    def __init__(
        self,
        store: Store,
        training: Sequence[LabelledCase],
        test: Sequence[LabelledCase],
        classes: int,
        voxels: int,
        test_voxels: int,
        overlap: float,
        seed: int,
    ) -> None:
        self.store, self.training, self.test, self.classes = store, training, test, classes
        self.overlap, self.seed = overlap, seed
        rng = np.random.default_rng(seed)
        self.samples = [sample_voxels(rng, _read(case), classes, voxels) for case in training]
        self.lattices = [lattice(case.shape_vox, test_voxels) for case in test]

    def dice(
        self, frozen: FrozenEncoder, kind: Kind, what: str
    ) -> tuple[list[Float64[np.ndarray, " foreground"]], Choice]:
        """Returns the Dice of each foreground class for every test case, NaN where neither has it, and what was chosen."""
        with Progress(what, len(self.training) + len(self.test), unit="cases") as progress:
            rows = []
            for case, (points, _, _) in zip(self.training, self.samples, strict=True):
                rows.append(features_at(frozen, self.store, case.key, points.astype(np.float64), self.overlap))
                progress.advance()
            predict, choice = self._fit(np.concatenate(rows), kind)
            scores = []
            for case, points in zip(self.test, self.lattices, strict=True):
                features = features_at(frozen, self.store, case.key, points.astype(np.float64), self.overlap)
                scores.append(dice(_at(_read(case), points), predict(features).argmax(1), self.classes))
                progress.advance()
        return scores, choice

    def floor(self) -> list[Float64[np.ndarray, " foreground"]]:
        """Returns the same for the most frequent class at each place, counted from the middle of the scan."""
        floor = MajorityMap([_read(case) for case in self.training], self.classes)
        return [
            dice(_at(_read(case), points), floor.at(points, case.shape_vox), self.classes)
            for case, points in zip(self.test, self.lattices, strict=True)
        ]

    def _fit(
        self, features: Float32[np.ndarray, "rows channels"], kind: Kind
    ) -> tuple[Callable[[Float32[np.ndarray, "rows channels"]], Float64[np.ndarray, "rows classes"]], Choice]:
        classes = np.concatenate([found for _, found, _ in self.samples])
        weights = np.concatenate([weight for _, _, weight in self.samples])
        owner = np.repeat(np.arange(len(self.samples)), [len(found) for _, found, _ in self.samples])
        chooses = owner % INNER_SHARE == INNER_SHARE - 1
        splits = [(np.flatnonzero(~chooses), np.flatnonzero(chooses))] if chooses.any() else []

        def quality(true: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
            return float(np.nanmean([np.nan_to_num(dice(true, scores.argmax(1), self.classes, weight), nan=0.0)]))

        return fit_probe(kind, features, classes, weights, self.classes, splits, quality, self.seed)


class MajorityMap:
    """The most frequent label at each place of the training label maps, laid upon each other by their middles."""

    def __init__(self, maps: Sequence[np.ndarray], classes: int) -> None:  # of any shapes
        shape = np.max([labels.shape for labels in maps], axis=0)
        self.coarser = max(1, int(np.ceil((np.prod(shape, dtype=float) * classes / MOST_CELLS) ** (1 / 3))))
        self.shape = -(-shape // self.coarser)
        counts = np.zeros((classes, *self.shape), np.uint16)
        for labels in maps:
            points = lattice(labels.shape, labels.size, self.coarser)
            cells = self._cells(points, labels.shape)
            np.add.at(counts, (_at(labels, points), *cells.T), 1)
        self.majority = counts.argmax(0).astype(np.uint8)  # a tie, and a place without a count, is background

    def at(self, points: Int64[np.ndarray, "points 3"], shape_vox: tuple[int, ...]) -> UInt8[np.ndarray, " points"]:
        """Returns the label at voxels of a scan of this shape; background beside the map."""
        cells = self._cells(points, shape_vox)
        there = ((cells >= 0) & (cells < self.shape)).all(1)
        return np.where(there, self.majority[tuple(np.where(there[:, None], cells, 0).T)], 0).astype(np.uint8)

    def _cells(
        self, points: Int64[np.ndarray, "points 3"], shape_vox: tuple[int, ...]
    ) -> Int64[np.ndarray, "points 3"]:
        return (points - np.array(shape_vox) // 2) // self.coarser + self.shape // 2


def dice(
    true: Integer[np.ndarray, " points"],
    predicted: Integer[np.ndarray, " points"],
    classes: int,
    weights: Float64[np.ndarray, " points"] | None = None,
) -> Float64[np.ndarray, " foreground"]:
    """Returns the Dice of each class but the background; NaN where neither has it.

    Example:
        >>> dice(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), classes=4).round(3).tolist()
        [0.667, 0.667, nan]
    """
    weights = np.ones(len(true)) if weights is None else weights
    both = np.bincount(true[true == predicted], weights[true == predicted], classes)
    sizes = np.bincount(true, weights, classes) + np.bincount(predicted, weights, classes)
    return np.divide(2 * both, sizes, out=np.full(classes, np.nan), where=sizes > 0)[1:]


def mean_dice(scores: Sequence[Float64[np.ndarray, " foreground"]]) -> Float64[np.ndarray, " foreground"]:
    """Returns the mean over the cases of each class's Dice; NaN for a class that no case has."""
    table = np.stack(scores)
    known = ~np.isnan(table)
    counts = known.sum(0)
    return np.divide(np.where(known, table, 0).sum(0), counts, out=np.full(table.shape[1], np.nan), where=counts > 0)


def sample_voxels(
    rng: np.random.Generator, labels: Labels, classes: int, count: int
) -> tuple[Int64[np.ndarray, "points 3"], Int64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """Returns voxels drawn with replacement, their classes, and the voxels of the case that each stands for.

    Half are drawn anywhere; half from the foreground classes of the case in equal parts, so that small ones are seen. The
    weights undo that: they sum, in expectation, to the voxels of the case.
    """
    sizes = np.bincount(labels.reshape(-1), minlength=classes)
    present = [label for label in range(1, classes) if sizes[label] > 0]
    anywhere = count // 2 if present else count
    flat = [rng.integers(0, labels.size, anywhere)]
    for label in present:
        flat.append(rng.choice(np.flatnonzero(labels == label), max(1, (count - anywhere) // len(present))))
    chosen = np.concatenate(flat)
    found = labels.reshape(-1)[chosen].astype(np.int64)
    drawn = np.full(classes, anywhere / labels.size)  # expected draws of one voxel of each class
    for label, more in zip(present, flat[1:], strict=True):
        drawn[label] += len(more) / sizes[label]
    return np.stack(np.unravel_index(chosen, labels.shape), axis=1), found, 1 / drawn[found]


def lattice(shape_vox: tuple[int, ...], most: int, least_step: int = 1) -> Int64[np.ndarray, "points 3"]:
    """Returns every voxel, or every second or third of an axis and so on, until they are few enough.

    Example:
        >>> len(lattice((4, 4, 6), most=1000)), len(lattice((4, 4, 6), most=50)), len(lattice((4, 4, 6), most=25))
        (96, 48, 24)
    """
    steps = [least_step] * 3
    while np.prod([-(-length // step) for length, step in zip(shape_vox, steps, strict=True)]) > most:
        finest = int(np.argmax([-(-length // step) for length, step in zip(shape_vox, steps, strict=True)]))
        steps[finest] += 1
    starts = [((length - 1) % step) // 2 for length, step in zip(shape_vox, steps, strict=True)]
    ranges = [np.arange(first, length, step) for first, length, step in zip(starts, shape_vox, steps, strict=True)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)


def scores_by_class(scores: Sequence[np.ndarray], names: Mapping[int, str]) -> dict[str, object]:
    """Returns ``dice_mean`` and ``dice`` by class name, with None for a class that no test case has."""
    means = mean_dice(scores)
    foreground = list(names.values())[1:]
    by_name = {name: None if np.isnan(value) else float(value) for name, value in zip(foreground, means, strict=True)}
    known = [value for value in by_name.values() if value is not None]
    return {"dice_mean": float(np.mean(known)) if known else None, "dice": by_name}


def _read(case: LabelledCase) -> Labels:
    return open_labels(case.labels)[:]


def _at(labels: Labels, points: Int64[np.ndarray, "points 3"]) -> UInt8[np.ndarray, " points"]:
    return labels[tuple(points.T)]
