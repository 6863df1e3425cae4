"""A probe during pretraining: how well frozen features separate the labels of a few scans, at every validation."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.failures import failures_text
from orienteer.probing.models import Kind
from orienteer.probing.voxels import CaseDice, VoxelProbe
from orienteer.progress import say
from orienteer.runs.run_config import RunConfig
from orienteer.scans.patients import matches, units
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.scoring.segmentation_metrics import mean_dice
from orienteer.store.store import Store

MOST_CASES = 12
"""Most labelled scans that are used, evenly chosen among all: they determine the time."""

TESTED = 3
"""Every third of them is scored; models are fitted on the others."""

VOXELS, TEST_VOXELS = 1000, 4000
"""Voxels per scan to fit on, and most voxels per scan to score."""

KINDS: tuple[Kind, ...] = ("knn", "ridge")


class OnlineProbe:
    """Fits nearest neighbours and a ridge regression on voxels of a few labelled scans, and scores them on others.

    Scans, voxels and baseline are chosen once, when it is made; between two calls only the encoder changes. It leaves torch's
    random state alone, so that training is the same with and without it.

    Args:
        config: settings of the run; ``probe`` names the labelled scans.
        store: folder of the store that the labelled scans are prepared into.

    Raises:
        InputError: label maps that cannot be read, or fewer than two of them.
    """

    def __init__(self, config: RunConfig, store: str | Path) -> None:
        self._preparation = replace(config.preparation, crop_to_body=False)
        training, test, classes = _cases(config, self._preparation, store)
        self._probe = VoxelProbe(Store.open(store), training, test, classes, VOXELS, TEST_VOXELS, overlap=0.0, seed=0)
        self._baseline = _mean(self._probe.baseline())

    def __call__(self, encoder: Encoder) -> dict[str, float]:
        """Returns the mean Dice over scans and foreground classes of each model, and that of the baseline.

        The baseline is the most frequent class at each place, relative to the centre of the scan: it ignores the image.

        Args:
            encoder: in eval mode; features are computed where it is.
        """
        features = self._probe.features(Pretrained(encoder, {}, self._preparation), "probing", shown=False)
        metrics = {}
        for kind in KINDS:
            scores, _ = self._probe.dice(features, kind)
            metrics[f"probe_{kind}_dice"] = _mean(scores)
            metrics[f"probe_{kind}_dice_trivial"] = self._baseline
        return metrics


def _cases(
    config: RunConfig, preparation: Preparation, store: str | Path
) -> tuple[list[LabelledCase], list[LabelledCase], int]:
    """Returns the cases to fit on, those to score, of other patients, and the number of classes."""
    data = read_dataset(config.probe, None, None)
    selection = Selection(modality=data.modality)
    prepared = prepare_cases(data, store, preparation, selection, config.prepare_workers)
    if prepared.failures:
        say(failures_text(prepared.failures))
    names = sorted(prepared.cases)
    names = [names[number] for number in _evenly(len(names), MOST_CASES)]
    groups = prepared.groups(config.group_by if matches(config.group_by, names) else None)
    patients = units(names, groups)
    if len(patients) < 2:
        got = f"{len(names)} of one" if len(names) > 1 else str(len(names))
        raise InputError(
            "probe", wanted="two labelled scans or more, of two patients", got=got, do="add labelled scans"
        )
    test = [name for scans in patients[TESTED - 1 :: TESTED] or patients[-1:] for name in scans]
    training = [name for name in names if name not in test]
    return [prepared.cases[name] for name in training], [prepared.cases[name] for name in test], len(prepared.classes)


def _mean(scores: CaseDice) -> float:
    return float(np.nanmean(mean_dice(scores)))


def _evenly(count: int, most: int) -> list[int]:
    """Returns at most so many of the first ``count`` numbers, evenly spread.

    Example:
        >>> _evenly(3, most=5), _evenly(9, most=3)
        ([0, 1, 2], [0, 4, 8])
    """
    return sorted({round(number) for number in np.linspace(0, count - 1, min(count, most)).tolist()})
