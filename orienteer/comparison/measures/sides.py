"""Left from right and head from foot: how well a linear classifier separates them from one frozen vector of a view.

Chance is 50 %.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Int64

from orienteer.comparison.measures.outcome import Outcome, Value
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Baseline
from orienteer.comparison.plan.measurements import SidesSettings
from orienteer.features.pretrained import Pretrained
from orienteer.features.reading import read_view
from orienteer.labelled.cases import LabelledCase
from orienteer.probing.models import fit_probe
from orienteer.progress import Progress
from orienteer.scans.preparation import Preparation
from orienteer.tasks.histogram import view_histograms
from orienteer.types import Triple

BINS = 32
"""Of the histogram baseline."""

QUESTIONS = {"left_right": 0, "head_foot": 2}
"""The axis of the body that each question is about."""

OPEN_CENTRE = 0.2
"""Share of the places that a view can take, at the centre of a scan, that belong to neither side."""

INNER = 4
"""Every fourth pretraining scan chooses the strength of the classifier."""

Describe = Callable[[np.ndarray], np.ndarray]
"""From views to one vector each."""


def measure_sides(bench: Bench, frozen: Pretrained, settings: SidesSettings, seed: int, part: str) -> Outcome:
    """Returns the accuracy for every case of a part and each question.

    The classifier is a logistic regression on views of pretraining scans; half of the views lie on either side.

    Args:
        seed: draws scans and views, the same for every method.
        part: the part that is scored.
    """

    def last_level(views: Float32[np.ndarray, "views _ _ _"]) -> Float32[np.ndarray, "views channels"]:
        """The vector that `orienteer embed` writes: the mean of the last level."""
        return frozen.levels(views)[-1].float().mean(dim=(2, 3, 4)).cpu().numpy()

    return _accuracies(bench, frozen.preparation, last_level, frozen.view_size, settings, seed, part)


def measure_sides_baseline(bench: Bench, baseline: Baseline, settings: SidesSettings, seed: int, part: str) -> Outcome:
    """Returns the same for the histogram of a view."""
    return _accuracies(bench, baseline.preparation, _histograms, baseline.view_size, settings, seed, part)


def side_views(
    case: LabelledCase, view_size: Triple, count: int, axis: int, seed: int
) -> tuple[Int64[np.ndarray, "views 3"], Int64[np.ndarray, " views"]]:
    """Returns the first voxels of views of a scan, and 1 for those on the high side of an axis (right, or head).

    The same scan gives the same views. They lie anywhere on the other axes.
    """
    rng = np.random.default_rng([seed, axis, *case.content.encode()])
    room = np.array(case.shape_vox) - np.array(view_size)  # below 0 where the scan is smaller than a view
    sides = np.arange(count) % 2
    low, high = np.minimum(room, 0), np.maximum(room, 0)
    places = rng.random((count, 3))
    side = (1 - OPEN_CENTRE) / 2 * places[:, axis]
    places[:, axis] = np.where(sides == 1, 1 - side, side)
    return np.rint(low + places * (high - low)).astype(np.int64), sides


def _accuracies(
    bench: Bench,
    preparation: Preparation,
    describe: Describe,
    view_size: Triple,
    settings: SidesSettings,
    seed: int,
    part: str,
) -> Outcome:
    scored, pool = bench.part(preparation, part), bench.part(preparation, "pretraining")
    drawn = np.random.default_rng(seed).permutation(len(pool))[: settings.training_scans]
    training = [pool[number] for number in sorted(drawn.tolist())]
    values = []
    scans = len(QUESTIONS) * (len(scored) + len(training))
    with bench.open_store() as store, Progress("classifying sides", scans, unit="scans") as progress:

        def vectors_of(case: LabelledCase, axis: int) -> tuple[np.ndarray, np.ndarray]:
            starts, sides = side_views(case, view_size, settings.views, axis, seed)
            views = np.stack([read_view(store, case.key, start, view_size) for start in starts])
            progress.advance()
            return describe(views), sides

        for question, axis in QUESTIONS.items():
            classify = _fitted([vectors_of(case, axis) for case in training], settings.views, seed)
            for case in scored:
                vectors, sides = vectors_of(case, axis)
                accuracy = float((classify(vectors).argmax(1) == sides).mean())
                values.append(Value(case.name, f"{question}_accuracy", "", accuracy))
    return Outcome(values)


def _fitted(training: Sequence[tuple[np.ndarray, np.ndarray]], views: int, seed: int) -> Describe:
    """Returns the classifier, fitted on vectors and sides of each scan: from vectors to the scores of both sides."""
    features, sides = (np.concatenate(rows) for rows in zip(*training, strict=True))
    owner = np.repeat(np.arange(len(training)), views)
    chooses = owner % INNER == INNER - 1
    splits = [(np.flatnonzero(~chooses), np.flatnonzero(chooses))] if chooses.any() else []
    classify, _ = fit_probe("ridge", features, sides, np.ones(len(sides)), 2, splits, _accuracy, seed)
    return classify


def _histograms(views: Float32[np.ndarray, "views _ _ _"]) -> Float32[np.ndarray, "views bins"]:
    return view_histograms(torch.from_numpy(views)[:, None, None], BINS)[:, 0].numpy()


def _accuracy(true: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    return float((scores.argmax(1) == true).mean())
