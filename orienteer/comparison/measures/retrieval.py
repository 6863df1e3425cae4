"""The same place in another scan, without any label: how far, in mm, is the place with the most alike features.

Query: the feature at a landmark of scan A. Candidates: a lattice of places over scan B. The nearest by cosine is the answer,
and the error is its distance to B's own landmark of that name. Labels only say where the landmarks are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32, Float64, Int64
from torch.nn import functional

from orienteer.comparison.measures.landmarks import ENDS, landmarks
from orienteer.comparison.work.bench import Bench, Outcome, Value
from orienteer.errors import InputError
from orienteer.features.pretrained import Pretrained
from orienteer.features.reading import AIR
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_cache import open_labels
from orienteer.probing.sampling import lattice
from orienteer.progress import Progress
from orienteer.scans.preparation import Preparation
from orienteer.scans.store import Store

SAME_COORDINATES, RAW_PATCH = "same coordinates", "raw patch"
"""The rivals: the same place counted from each scan's own middle; and the intensities of a patch, by correlation."""

ALL_LEVELS = "all levels"
PATCH_EDGE, PATCH_STEP = 7, 2
"""The raw patch: voxels along an edge, and how far apart they lie."""

Features = Float32[np.ndarray, "_places channels"]  # the underscore: queries and candidates are of different number
Extract = Callable[[Store, LabelledCase, Float64[np.ndarray, "places 3"]], Features]


@dataclass(frozen=True)
class RetrievalSettings:
    """How places are looked for.

    Attributes:
        partners: scans B per scan A, drawn by the seed.
        places: at most so many places on the lattice over B.
        overlap: of the views, as in `features_at`.
        scaling_scans: pretraining scans from which mean and deviation of each channel are taken.
        choosing_cases: validation cases at most by which the level of the network is chosen.
        ends: extreme points of a class that are landmarks, beside its middle. Leave left and right out where scans show
            either half of the body: they are not the same place then.
    """

    partners: int = 5
    places: int = 8000
    overlap: float = 0.25
    scaling_scans: int = 16
    choosing_cases: int = 12
    ends: tuple[str, ...] = ENDS

    def __post_init__(self) -> None:
        """Refuses what is no end."""
        wrong = [name for name in self.ends if name not in ENDS]
        if wrong:
            raise InputError("retrieval.ends", wanted=f"some of {', '.join(ENDS)}", got=wrong[0], do="mend the setting")


@dataclass(frozen=True)
class Places:
    """A scan's landmarks and lattice, in voxels, with the features of both.

    Attributes:
        names: of the landmarks.
        marks_vox: where the landmarks are.
        lattice_vox: where one looks for the landmarks of other scans.
        marks: features at the landmarks.
        lattice: features at the lattice.
    """

    names: tuple[tuple[int, str], ...]
    marks_vox: Int64[np.ndarray, "marks 3"]
    lattice_vox: Int64[np.ndarray, "places 3"]
    marks: Features
    lattice: Features


def measure_retrieval(
    bench: Bench,
    frozen: Pretrained | Preparation,
    settings: RetrievalSettings,
    seed: int,
    part: str,
    rival: str | None,
) -> Outcome:
    """Returns the mean error in mm for every case of a part as scan A, over its landmarks and partners.

    Features are standardised channel by channel by means over pretraining scans. Which level of the network is used, or all
    side by side, is chosen by the error on the validation part.

    Args:
        frozen: the encoder; or, for a rival without one, how scans are prepared.
        seed: draws the partners, the same for every method.
        rival: which one, if it is a rival.
    """
    preparation = frozen if isinstance(frozen, Preparation) else frozen.preparation
    classes = range(1, len(bench.cases(preparation).classes))
    scored = bench.part(preparation, part)
    if isinstance(frozen, Preparation):
        extract = _coordinates if rival == SAME_COORDINATES else _raw_patch
        find = nearest_by_distance if rival == SAME_COORDINATES else nearest_by_cosine
        return Outcome(_errors(bench, scored, extract, {"": slice(None)}, find, settings, classes, seed)[""])
    network = frozen
    with bench.open_store() as store:
        mean, deviation = _scale(network, store, bench.part(preparation, "pretraining"), settings, seed)

    def extract_features(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
        return (network.features_at(store, case.key, points_vox, settings.overlap) - mean) / deviation

    levels = level_slices(network.network.channels)
    choosing = bench.part(preparation, "validation")[: settings.choosing_cases]
    by_level = _errors(bench, choosing, extract_features, levels, nearest_by_cosine, settings, classes, seed)
    chosen_by = {name: float(np.mean([value.value for value in values])) for name, values in by_level.items() if values}
    best = min(chosen_by, key=lambda name: chosen_by[name]) if chosen_by else ALL_LEVELS
    found = _errors(bench, scored, extract_features, {best: levels[best]}, nearest_by_cosine, settings, classes, seed)
    return Outcome(found[best], facts={"level": best, "validation_error_mm": chosen_by})


def level_slices(channels: Sequence[int]) -> dict[str, slice]:
    """Returns which columns of side-by-side features belong to which level, and all of them.

    Example:
        >>> level_slices([4, 8])
        {'level 0': slice(0, 4, None), 'level 1': slice(4, 12, None), 'all levels': slice(None, None, None)}
    """
    ends = np.cumsum([0, *channels]).tolist()
    slices = {f"level {level}": slice(ends[level], ends[level + 1]) for level in range(len(channels))}
    return {**slices, ALL_LEVELS: slice(None)}


def nearest_by_cosine(queries: Features, candidates: Features) -> Int64[np.ndarray, " queries"]:
    """Returns the number of the candidate with the largest cosine to each query.

    Example:
        >>> nearest_by_cosine(np.float32([[2, 0], [1, 1]]), np.float32([[0, 3], [5, 1], [1, 1.2]])).tolist()
        [1, 2]
    """
    unit = candidates / np.maximum(np.linalg.norm(candidates, axis=1, keepdims=True), 1e-12)
    return (queries @ unit.T).argmax(1)


def nearest_by_distance(queries: Features, candidates: Features) -> Int64[np.ndarray, " queries"]:
    """Returns the number of the candidate nearest to each query."""
    # |q - c|^2 without |q|^2, which is the same for all candidates
    return (np.square(candidates).sum(1) - 2 * queries @ candidates.T).argmin(1)


def partners_of(cases: int, count: int, seed: int) -> list[list[int]]:
    """Returns, for each case, the numbers of the others that it is compared with.

    Example:
        >>> [len(others) for others in partners_of(4, 2, seed=0)], partners_of(2, 5, seed=0)
        ([2, 2, 2, 2], [[1], [0]])
    """
    rng = np.random.default_rng(seed)
    every = []
    for case in range(cases):
        others = [other for other in range(cases) if other != case]
        every.append(sorted(rng.permutation(others)[:count].tolist()))
    return every


def _errors(
    bench: Bench,
    cases: Sequence[LabelledCase],
    extract: Extract,
    levels: Mapping[str, slice],
    find: Callable[[Features, Features], Int64[np.ndarray, " queries"]],
    settings: RetrievalSettings,
    classes: Sequence[int],
    seed: int,
) -> dict[str, list[Value]]:
    """Returns, for each level, the mean error of every case that shares a landmark with a partner."""
    with bench.open_store() as store, Progress("looking at places", len(cases), unit="cases") as progress:
        places = []
        for case in cases:
            places.append(_places(store, case, extract, settings, classes))
            progress.advance()
    found: dict[str, list[Value]] = {name: [] for name in levels}
    for number, others in enumerate(partners_of(len(cases), settings.partners, seed)):
        for name, columns in levels.items():
            errors = [
                error
                for other in others
                for error in pair_errors_mm(places[number], places[other], columns, find, cases[other].grid.spacing_mm)
            ]
            if errors:
                found[name].append(Value(cases[number].name, "error_mm", "mm", float(np.mean(errors))))
    return found


def pair_errors_mm(
    one: Places,
    other: Places,
    columns: slice,
    find: Callable[[Features, Features], Int64[np.ndarray, " queries"]],
    spacing_mm: Sequence[float],
) -> list[float]:
    """Returns, for each landmark that both scans have, how far the answer lies from the other's own landmark.

    Args:
        columns: of the features.
        find: from queries and candidates to numbers of candidates.
        spacing_mm: voxel size of the other scan.
    """
    mine = {name: row for row, name in enumerate(one.names)}
    shared = [(mine[name], row) for row, name in enumerate(other.names) if name in mine]
    if not shared:
        return []
    queries, truths = (list(rows) for rows in zip(*shared, strict=True))
    answers = find(one.marks[queries][:, columns], other.lattice[:, columns])
    missed_mm = (other.lattice_vox[answers] - other.marks_vox[truths]) * np.array(spacing_mm)
    return np.linalg.norm(missed_mm, axis=1).tolist()


def _places(
    store: Store, case: LabelledCase, extract: Extract, settings: RetrievalSettings, classes: Sequence[int]
) -> Places:
    found = landmarks(open_labels(case.labels)[:], classes, settings.ends)
    marks_vox = np.array(list(found.values()), np.int64).reshape(-1, 3)
    lattice_vox = lattice(case.shape_vox, settings.places)
    features = extract(store, case, np.concatenate([marks_vox, lattice_vox]).astype(np.float64))
    return Places(tuple(found), marks_vox, lattice_vox, features[: len(found)], features[len(found) :])


def _scale(
    frozen: Pretrained, store: Store, cases: Sequence[LabelledCase], settings: RetrievalSettings, seed: int
) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
    """Returns mean and deviation of each channel over places of some pretraining scans."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in sorted(rng.permutation(len(cases))[: settings.scaling_scans].tolist()):
        case = cases[number]
        points = rng.uniform(0, 1, (500, 3)) * (np.array(case.shape_vox) - 1)
        rows.append(frozen.features_at(store, case.key, points, settings.overlap))
    every = np.concatenate(rows)
    deviation = every.std(0)
    return every.mean(0), np.where(deviation > 1e-6 * np.abs(every).max(), deviation, np.inf).astype(np.float32)


def _coordinates(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
    """Returns places in mm from the middle of the scan."""
    return ((points_vox - (np.array(case.shape_vox) - 1) / 2) * np.array(case.grid.spacing_mm)).astype(np.float32)


def _raw_patch(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
    """Returns the intensities of a patch around each place, less their mean: their cosine is the correlation."""
    voxels = torch.from_numpy(store.read(case.key, (0, 0, 0), case.shape_vox))[None, None]
    reach = PATCH_EDGE // 2 * PATCH_STEP
    steps = np.arange(-reach, reach + 1, PATCH_STEP)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = []
    for start in range(0, len(points_vox), 2000):
        around = points_vox[start : start + 2000, None] + offsets
        faces = (2 * around + 1) / np.array(case.shape_vox) - 1
        grid = torch.from_numpy(faces[..., ::-1].astype(np.float32))[None, None]
        # Beside the scan is air: zero of voxels that were raised to begin at it.
        read = functional.grid_sample(voxels - AIR, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        rows.append(rearrange(read, "1 1 1 points offsets -> points offsets").numpy())
    patches = np.concatenate(rows)
    return patches - patches.mean(1, keepdims=True)
