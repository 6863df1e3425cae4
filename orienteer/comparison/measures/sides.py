"""Left from right and head from foot: what a linear read-out tells from one frozen vector of a view. Chance is 50 %."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from orienteer.comparison.work.bench import Bench, Outcome, Value
from orienteer.features.pretrained import Pretrained
from orienteer.features.reading import read_view
from orienteer.labelled.cases import LabelledCase
from orienteer.probing.models import fit_probe
from orienteer.progress import Progress
from orienteer.scans.preparation import Preparation
from orienteer.tasks.histogram import view_histograms
from orienteer.types import Triple

HISTOGRAM = "histogram"
"""The rival: the same read-out of the view's intensities, without any sense of space."""

BINS = 32
QUESTIONS = {"left_right": 0, "head_foot": 2}
"""The axis of the body that each question is about."""

OPEN_MIDDLE = 0.2
"""Share of the places that a view can take, in the middle of a scan, that are asked about neither way."""

INNER = 4
"""Every fourth pretraining scan chooses the strength of the read-out."""


@dataclass(frozen=True)
class SidesSettings:
    """How sides are asked for.

    Attributes:
        views: per scan and question.
        training_scans: pretraining scans at most that the read-out is fitted on.
    """

    views: int = 16
    training_scans: int = 60


def measure_sides(
    bench: Bench,
    vectors: Pretrained | Preparation,
    view_size: Triple,
    settings: SidesSettings,
    seed: int,
    part: str,
) -> Outcome:
    """Returns the share of right answers for every case of a part and each question.

    The read-out is a logistic regression on views of pretraining scans; half of the views lie on either side.

    Args:
        vectors: the encoder; or, for the rival, how scans are prepared.
        view_size: voxels of a view.
        seed: draws scans and views, the same for every method.
    """
    preparation = vectors if isinstance(vectors, Preparation) else vectors.preparation
    describe = _histograms if isinstance(vectors, Preparation) else _last_level(vectors)
    scored, pool = bench.part(preparation, part), bench.part(preparation, "pretraining")
    drawn = np.random.default_rng(seed).permutation(len(pool))[: settings.training_scans]
    fitted = [pool[number] for number in sorted(drawn.tolist())]
    values = []
    with (
        bench.open_store() as store,
        Progress("asking for sides", 2 * (len(scored) + len(fitted)), unit="scans") as bar,
    ):
        for question, axis in QUESTIONS.items():

            def views_of(case: LabelledCase, question_axis: int = axis) -> tuple[np.ndarray, np.ndarray]:
                starts, sides = side_views(case, view_size, settings.views, question_axis, seed)
                views = np.stack([read_view(store, case.key, start, view_size) for start in starts])
                bar.advance()
                return describe(views), sides

            training = [views_of(case) for case in fitted]
            features, sides = (np.concatenate(rows) for rows in zip(*training, strict=True))
            owner = np.repeat(np.arange(len(training)), settings.views)
            chooses = owner % INNER == INNER - 1
            splits = [(np.flatnonzero(~chooses), np.flatnonzero(chooses))] if chooses.any() else []
            answer, _ = fit_probe("ridge", features, sides, np.ones(len(sides)), 2, splits, _share_right, seed)
            for case in scored:
                asked, true = views_of(case)
                values.append(
                    Value(case.name, f"{question}_accuracy", "", float((answer(asked).argmax(1) == true).mean()))
                )
    return Outcome(values)


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
    side = (1 - OPEN_MIDDLE) / 2 * places[:, axis]
    places[:, axis] = np.where(sides == 1, 1 - side, side)
    return np.rint(low + places * (high - low)).astype(np.int64), sides


def _last_level(frozen: Pretrained) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from views to vectors that `orienteer embed` uses: the mean of the last level."""

    def describe(views: Float32[np.ndarray, "views _ _ _"]) -> Float32[np.ndarray, "views channels"]:
        return frozen.levels(views)[-1].float().mean(dim=(2, 3, 4)).cpu().numpy()

    return describe


def _histograms(views: Float32[np.ndarray, "views _ _ _"]) -> Float32[np.ndarray, "views bins"]:
    return view_histograms(torch.from_numpy(views)[:, None, None], BINS)[:, 0].numpy()


def _share_right(true: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    return float((scores.argmax(1) == true).mean())
