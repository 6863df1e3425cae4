"""AUC and balanced accuracy against scikit-learn's, and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from orienteer.scoring.classification_metrics import auc, balanced_accuracy, scan_scores


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_scores_are_those_of_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    true = np.concatenate([np.arange(classes), rng.integers(0, classes, 40)])
    scores = np.round(rng.dirichlet(np.ones(classes), len(true)) + 0.3 * np.eye(classes)[true], 1)  # with ties
    scores /= scores.sum(1, keepdims=True)
    given = scores[:, 1] if classes == 2 else scores
    assert auc(true, scores) == pytest.approx(roc_auc_score(true, given, multi_class="ovr", average="macro"))
    assert balanced_accuracy(true, scores) == pytest.approx(balanced_accuracy_score(true, scores.argmax(1)))


def test_interval_holds_the_score_and_narrows_with_more_scans() -> None:
    rng = np.random.default_rng(0)

    def width(scans: int) -> float:
        true = np.arange(scans) % 2
        score = rng.normal(size=scans) + true
        scores = scan_scores(true, np.stack([-score, score], 1), resamples=300)
        low, high = scores["auc_interval"]
        assert low < scores["auc"] < high
        assert (
            scores["balanced_accuracy_interval"][0]
            < scores["balanced_accuracy"]
            < scores["balanced_accuracy_interval"][1]
        )
        assert (scores["scans"], scores["resamples"]) == (scans, 300)
        return high - low

    assert width(400) < 0.6 * width(40)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # AUC of two normals one deviation apart is Phi(1 / sqrt 2) = 0.760.
    rng, inside = np.random.default_rng(1), 0
    for _ in range(40):
        true = np.arange(60) % 2
        score = rng.normal(size=60) + true
        low, high = scan_scores(true, np.stack([-score, score], 1), resamples=100)["auc_interval"]
        inside += low <= 0.760 <= high
    assert inside >= 33


def test_scans_of_one_class_have_no_auc() -> None:
    scores = scan_scores(np.zeros(5, int), np.tile([0.9, 0.1], (5, 1)))
    assert scores["auc"] is None
    assert scores["auc_interval"] is None
    assert scores["balanced_accuracy"] == 1


def test_scores_are_repeatable_and_leave_the_global_generator_alone() -> None:
    true, scores = np.arange(10) % 2, np.random.default_rng(0).random((10, 2))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert scan_scores(true, scores, seed=3) == scan_scores(true, scores, seed=3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
