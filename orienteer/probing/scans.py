"""A classification of whole scans from frozen features."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32
from sklearn.model_selection import StratifiedKFold

from orienteer.features.whole_scan import FrozenEncoder, view_vectors
from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans
from orienteer.probing.models import Choice, Kind, fit_probe
from orienteer.progress import Progress
from orienteer.scans.store import Store
from orienteer.scoring.classification_metrics import auc, scan_scores
from orienteer.scoring.classification_results import labels_of

INNER_FOLDS = 3
"""Parts that the training scans are dealt into, to choose the strength of the model."""


class ScanProbe:
    """Fits on the vectors of the training scans, and scores the test scans.

    Args:
        overlap: of the views behind a vector, as in `view_vectors`.
    """

    def __init__(self, store: Store, scans: LabelledScans, overlap: float, seed: int) -> None:
        self.store, self.scans, self.overlap, self.seed = store, scans, overlap, seed

    def scores(self, frozen: FrozenEncoder, kind: Kind, what: str) -> tuple[dict[str, Any], np.ndarray, Choice]:
        """Returns AUC and balanced accuracy with intervals, the score of each class per test scan, and what was chosen."""
        with Progress(what, len(self.scans.training) + len(self.scans.test), unit="scans") as progress:
            training = self._vectors(frozen, self.scans.training, progress)
            test = self._vectors(frozen, self.scans.test, progress)
        true = labels_of(self.scans.training)
        count = len(self.scans.classes)
        predict, choice = fit_probe(
            kind, training, true, np.ones(len(true)), count, self._splits(true), _quality, self.seed
        )
        scores = predict(test)
        return scan_scores(labels_of(self.scans.test), scores, self.seed), scores, choice

    def _vectors(
        self, frozen: FrozenEncoder, scans: Sequence[LabelledScan], progress: Progress
    ) -> Float32[np.ndarray, "scans channels"]:
        rows = []
        for scan in scans:
            rows.append(view_vectors(frozen, self.store, scan.key, self.overlap).vectors.mean(0))
            progress.advance()
        return np.stack(rows)

    def _splits(self, true: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        fewest = int(np.bincount(true).min())
        if fewest < INNER_FOLDS:  # too few of a class to choose anything by
            return []
        folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=self.seed)
        return list(folds.split(np.zeros(len(true)), true))


def _quality(true: np.ndarray, scores: np.ndarray, _: np.ndarray) -> float:
    return auc(true, scores)
