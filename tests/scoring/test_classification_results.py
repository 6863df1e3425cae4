"""Results of a classification: the majority baseline, rows of predictions, tables and pictures."""

import numpy as np
import pytest

from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans
from orienteer.scans.source import NIFTI, ScanSource
from orienteer.scoring.classification_metrics import scan_scores
from orienteer.scoring.classification_results import (
    labels_of,
    majority_scores,
    predictions_table,
    scores_picture,
    scores_table,
)


def scan(name: str, label: int) -> LabelledScan:
    return LabelledScan(name, f"key of {name}", label, ScanSource(name, NIFTI, ()))


SCANS = LabelledScans(
    training=tuple(scan(name, label) for name, label in zip("abcde", (0, 1, 2, 1, 0), strict=True)),
    test=(scan("x, y", 0), scan("z", 1), scan("w", 2)),
    classes=("ill", "unsure", "well"),
    failures=(),
)


def test_the_majority_baseline_is_chance() -> None:
    scores = majority_scores(SCANS, seed=0)
    assert scores["auc"] == 0.5
    assert scores["balanced_accuracy"] == pytest.approx(1 / 3)
    assert scores["scans"] == 3


def test_predictions_have_a_row_per_test_scan() -> None:
    head, rows = predictions_table(SCANS, np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [1.0, 0.0, 0.0]]))
    assert head == ["scan", "label", "predicted", "score ill", "score unsure", "score well"]
    assert rows[0] == ["x, y", "ill", "ill", "0.5", "0.25", "0.25"]
    assert [row[2] for row in rows] == ["ill", "unsure", "ill"]


def test_test_scans_of_one_class_have_a_table_and_a_picture_without_auc() -> None:
    scores = scan_scores(np.zeros(4, int), np.tile([0.9, 0.1], (4, 1)))
    lines = scores_table(scores).splitlines()
    assert lines[1].endswith("-     all test scans are of one class")
    assert lines[2].startswith("balanced accuracy            1.000")
    assert scores_picture({"model": scores, "most frequent class": scores}, "a title").startswith(b"\x89PNG")


def test_labels_of_no_scans_are_an_empty_array() -> None:
    assert labels_of([]).dtype == np.int64
    assert labels_of(SCANS.test).tolist() == [0, 1, 2]
