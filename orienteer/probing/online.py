"""A probe during pretraining: how well frozen features separate the labels of a few scans, at every validation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.features.whole_scan import FrozenEncoder, features_at
from orienteer.labelled.cases import LabelledCase, open_labels, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.prepared import failures_text
from orienteer.probing.models import Kind, fit_probe
from orienteer.probing.voxels import INNER_SHARE, MajorityMap, dice, lattice, mean_dice, sample_voxels
from orienteer.progress import say
from orienteer.runs.run_config import RunConfig
from orienteer.scans.source import Selection
from orienteer.scans.store import Store

MOST_CASES = 12
"""Labelled scans that are looked at, evenly chosen among all: they set the time."""

TESTED = 3
"""Every third of them is scored, the others are fitted on."""

VOXELS, TEST_VOXELS = 1000, 4000
"""Voxels per scan to fit on, and at most so many to score."""

KINDS: tuple[Kind, ...] = ("knn", "ridge")


class OnlineProbe:
    """Fits nearest neighbours and a ridge regression on voxels of some labelled scans, and scores them on others.

    Everything is chosen when it is made: the scans, their voxels, the floor. What changes between two calls is the
    encoder alone. It draws nothing from torch's random state, so that a training goes on as if it had not been looked at.

    Args:
        config: settings of the run; ``probe`` names the labelled scans.
        store: folder of the store that the labelled scans are prepared into.

    Raises:
        InputError: label maps that cannot be read, or fewer than two of them.
    """

    def __init__(self, config: RunConfig, store: str | Path) -> None:
        self._size = config.view_size
        self._preparation = replace(config.preparation, crop_to_body=False)
        data = read_dataset(config.probe, None, None)
        selection = Selection(modality=data.modality)
        prepared = prepare_cases(data, store, self._preparation, selection, config.prepare_workers)
        if prepared.failures:
            say(failures_text(prepared.failures))
        cases = [prepared.cases[name] for name in sorted(prepared.cases)]
        cases = [cases[number] for number in _evenly(len(cases), MOST_CASES)]
        if len(cases) < 2:
            raise InputError("probe", wanted="two labelled scans or more", got=str(len(cases)), do="add some")
        self._store, self._classes = Store.open(store), len(prepared.classes)
        self._test = cases[TESTED - 1 :: TESTED] or cases[-1:]
        self._training = [case for case in cases if case not in self._test]
        rng = np.random.default_rng(0)
        self._samples = [sample_voxels(rng, _labels(case), self._classes, VOXELS) for case in self._training]
        owner = np.repeat(np.arange(len(self._samples)), [len(found) for _, found, _ in self._samples])
        chooses = owner % INNER_SHARE == INNER_SHARE - 1  # these training scans choose the strength of the models
        self._inner = [(np.flatnonzero(~chooses), np.flatnonzero(chooses))] if chooses.any() else []
        self._lattices = [lattice(case.shape_vox, TEST_VOXELS) for case in self._test]
        floor = MajorityMap([_labels(case) for case in self._training], self._classes)
        self._floor = self._dice([floor.at(*place) for place in self._places()])

    def __call__(self, encoder: Encoder, device: torch.device) -> dict[str, float]:
        """Returns the mean Dice over scans and foreground classes of each model, beside the floor.

        The floor is the most frequent class at each place, counted from the middle of the scan: it sees no image.
        """
        frozen = FrozenEncoder(encoder, self._size, self._preparation, device, {})
        drawn = [points for points, _, _ in self._samples]
        features = np.concatenate([self._features(frozen, *pair) for pair in zip(self._training, drawn, strict=True)])
        tested = [self._features(frozen, *pair) for pair in zip(self._test, self._lattices, strict=True)]
        classes = np.concatenate([found for _, found, _ in self._samples])
        weights = np.concatenate([weight for _, _, weight in self._samples])
        figures = {}
        for kind in KINDS:
            scores, _ = fit_probe(kind, features, classes, weights, self._classes, self._inner, self._quality)
            figures[f"probe_{kind}_dice"] = self._dice([scores(rows).argmax(1) for rows in tested])
            figures[f"probe_{kind}_dice_trivial"] = self._floor
        return figures

    def _features(self, frozen: FrozenEncoder, case: LabelledCase, points: np.ndarray) -> np.ndarray:
        return features_at(frozen, self._store, case.key, points.astype(np.float64), overlap=0.0)

    def _quality(self, true: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        return float(np.nan_to_num(dice(true, scores.argmax(1), self._classes, weights)).mean())

    def _places(self) -> list[tuple[np.ndarray, tuple[int, ...]]]:
        return [(points, case.shape_vox) for case, points in zip(self._test, self._lattices, strict=True)]

    def _dice(self, predicted: list[np.ndarray]) -> float:
        scores = [
            dice(_labels(case)[tuple(points.T)], found, self._classes)
            for case, points, found in zip(self._test, self._lattices, predicted, strict=True)
        ]
        return float(np.nanmean(mean_dice(scores)))


def _evenly(count: int, most: int) -> list[int]:
    """Returns at most so many of the first ``count`` numbers, evenly spread.

    Example:
        >>> _evenly(3, most=5), _evenly(9, most=3)
        ([0, 1, 2], [0, 4, 8])
    """
    return sorted({round(number) for number in np.linspace(0, count - 1, min(count, most)).tolist()})


def _labels(case: LabelledCase) -> np.ndarray:
    return open_labels(case.labels)[:]
