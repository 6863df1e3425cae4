"""The same place in another scan, without any label: the distance in mm to the place with the most similar features.

Query: the feature at a landmark of scan A. Candidates: a lattice of places over scan B. The candidate with the largest cosine
is the match, and the error is its distance to B's own landmark of that name. Labels are only used to place the landmarks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from orienteer.comparison.measures.landmarks import landmarks
from orienteer.comparison.measures.located import located_errors
from orienteer.comparison.measures.matching import (
    ALL_LEVELS,
    Features,
    Nearest,
    Places,
    level_slices,
    nearest_by_cosine,
    nearest_by_distance,
    pair_errors_mm,
    partners_of,
)
from orienteer.comparison.measures.outcome import Outcome, Value
from orienteer.comparison.measures.retrieval_baselines import centred_coordinates, raw_patches
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Baseline
from orienteer.comparison.plan.measurements import RAW_PATCH, SAME_COORDINATES, RetrievalSettings
from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_cache import open_labels
from orienteer.locating.heads import PlaceHeads
from orienteer.probing.sampling import lattice
from orienteer.progress import Progress
from orienteer.scans.preparation import Preparation
from orienteer.store.store import Store

SCALING_POINTS = 500
"""Random places of a scan from which mean and deviation of each channel are taken."""

Extract = Callable[[Store, LabelledCase, Float64[np.ndarray, "places 3"]], Features]


@dataclass(frozen=True)
class Matcher:
    """How places are described and matched.

    Attributes:
        extract: features of places in voxels of a case.
        nearest: the candidate that each query matches.
        levels: columns of the features that are tried, by name.
    """

    extract: Extract
    nearest: Nearest
    levels: Mapping[str, slice]


BASELINE_MATCHERS = {
    SAME_COORDINATES: Matcher(centred_coordinates, nearest_by_distance, {ALL_LEVELS: slice(None)}),
    RAW_PATCH: Matcher(raw_patches, nearest_by_cosine, {ALL_LEVELS: slice(None)}),
}


def measure_retrieval(
    bench: Bench, frozen: Pretrained, heads: PlaceHeads | None, settings: RetrievalSettings, seed: int, part: str
) -> Outcome:
    """Returns the mean error in mm for every case of a part as scan A, over its landmarks and partners.

    Features are standardised channel by channel by means over pretraining scans. Which level of the network is used, or all
    side by side, is chosen by the error on the validation part. Beside the nearest feature stands what `orienteer locate` makes
    of the same encoder and of what the tasks of its run know of places, on the same pairs.

    Args:
        heads: of the run's tasks that place cells or embed them; None for an encoder alone.
        seed: draws the partners, the same for every method.
        part: the part that is scored.
    """
    preparation = frozen.preparation
    levels = level_slices(frozen.network.channels)
    extract = _standardised(bench, frozen, settings, seed)
    choosing = bench.part(preparation, "validation")[: settings.choosing_cases]
    by_level = _errors(bench, preparation, choosing, Matcher(extract, nearest_by_cosine, levels), settings, seed)
    means = {name: float(np.mean([value.value for value in values])) for name, values in by_level.items() if values}
    best = min(means, key=lambda name: means[name]) if means else ALL_LEVELS
    chosen = Matcher(extract, nearest_by_cosine, {best: levels[best]})
    scored = bench.part(preparation, part)
    errors = _errors(bench, preparation, scored, chosen, settings, seed)
    classes = range(1, len(bench.cases(preparation).classes))
    with bench.open_store() as store:
        located = located_errors(frozen, heads, store, scored, settings, classes, seed)
    return Outcome([*errors[best], *located], facts={"level": best, "validation_error_mm": means})


def measure_retrieval_baseline(
    bench: Bench, baseline: Baseline, settings: RetrievalSettings, seed: int, part: str
) -> Outcome:
    """Returns the same for a baseline without a network."""
    scored = bench.part(baseline.preparation, part)
    matcher = BASELINE_MATCHERS[baseline.name]
    return Outcome(_errors(bench, baseline.preparation, scored, matcher, settings, seed)[ALL_LEVELS])


def places_of(
    store: Store, case: LabelledCase, extract: Extract, settings: RetrievalSettings, classes: Sequence[int]
) -> Places:
    """Returns the landmarks of a case and its lattice, with the features of both."""
    marks = landmarks(open_labels(case.labels)[:], classes, settings.ends)
    marks_vox = np.array(list(marks.values()), np.int64).reshape(-1, 3)
    lattice_vox = lattice(case.shape_vox, settings.places)
    features = extract(store, case, np.concatenate([marks_vox, lattice_vox]).astype(np.float64))
    return Places(tuple(marks), marks_vox, lattice_vox, features[: len(marks)], features[len(marks) :])


def _errors(
    bench: Bench,
    preparation: Preparation,
    cases: Sequence[LabelledCase],
    matcher: Matcher,
    settings: RetrievalSettings,
    seed: int,
) -> dict[str, list[Value]]:
    """Returns, for each level, the mean error of every case that shares a landmark with a partner."""
    classes = range(1, len(bench.cases(preparation).classes))
    with bench.open_store() as store, Progress("matching places", len(cases), unit="cases") as progress:
        places = []
        for case in cases:
            places.append(places_of(store, case, matcher.extract, settings, classes))
            progress.advance()
    values: dict[str, list[Value]] = {name: [] for name in matcher.levels}
    for number, others in enumerate(partners_of(len(cases), settings.partners, seed)):
        for name, columns in matcher.levels.items():
            errors = [
                error
                for other in others
                for error in pair_errors_mm(
                    places[number], places[other], columns, matcher.nearest, cases[other].grid.spacing_mm
                )
            ]
            if errors:
                values[name].append(Value(cases[number].name, "error_mm", "mm", float(np.mean(errors))))
    return values


def _standardised(bench: Bench, frozen: Pretrained, settings: RetrievalSettings, seed: int) -> Extract:
    """Returns the function that gives an encoder's features, standardised channel by channel."""
    with bench.open_store() as store:
        mean, deviation = _scale(frozen, store, bench.part(frozen.preparation, "pretraining"), settings, seed)

    def extract(store: Store, case: LabelledCase, points_vox: Float64[np.ndarray, "places 3"]) -> Features:
        features: Features = (frozen.features_at(store, case.key, points_vox, settings.overlap) - mean) / deviation
        return features

    return extract


def _scale(
    frozen: Pretrained, store: Store, cases: Sequence[LabelledCase], settings: RetrievalSettings, seed: int
) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
    """Returns mean and deviation of each channel over places of some pretraining scans."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in sorted(rng.permutation(len(cases))[: settings.scaling_scans].tolist()):
        case = cases[number]
        points = rng.uniform(0, 1, (SCALING_POINTS, 3)) * (np.array(case.shape_vox) - 1)
        rows.append(frozen.features_at(store, case.key, points, settings.overlap))
    every = np.concatenate(rows)
    deviation = every.std(0)
    return every.mean(0), np.where(deviation > 1e-6 * np.abs(every).max(), deviation, np.inf).astype(np.float32)
