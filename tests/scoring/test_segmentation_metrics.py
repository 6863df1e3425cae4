"""Dice and the Hausdorff distance against a naive computation, and classes that are absent."""

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_dice
from scipy import ndimage
from scipy.spatial.distance import cdist

from orienteer.scoring.segmentation_metrics import CaseScores, dice, mean, mean_dice, score_case


def blobs(seed: int, shape=(9, 12, 8), classes: int = 3) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((classes, *shape)), (0, 2, 2, 2))
    return smooth.argmax(axis=0).astype(np.uint8)


def surface(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def naive_hd95(predicted: np.ndarray, truth: np.ndarray, spacing) -> float:
    apart = cdist(surface(predicted) * spacing, surface(truth) * spacing)
    return max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 2.0, 3.5)])
def test_the_distance_is_that_of_a_naive_computation_in_mm(spacing):
    predicted, truth = blobs(0), blobs(1)
    scores = score_case(predicted, truth, 3, spacing)
    for number in (1, 2):
        naive = naive_hd95(predicted == number, truth == number, np.array(spacing))
        assert scores.hd95_mm[number - 1] == pytest.approx(naive, abs=1e-4)


def test_dice_is_monais():
    predicted, truth = blobs(2), blobs(3)
    channels = [torch.from_numpy(np.stack([labels == c for c in range(3)]))[None] for labels in (predicted, truth)]
    theirs = compute_dice(*channels, include_background=False)[0]
    assert score_case(predicted, truth, 3, (1.0, 1.0, 1.0)).dice == pytest.approx(theirs.tolist(), abs=1e-6)


def test_the_truth_scores_best():
    assert score_case(blobs(4), blobs(4), 3, (1.0, 1.0, 1.0)) == CaseScores((1.0, 1.0), (0.0, 0.0))


def test_a_class_that_neither_has_is_not_scored():
    empty = np.zeros((4, 4, 4), np.uint8)
    scores = score_case(empty, empty, 2, (1.0, 1.0, 1.0))
    assert math.isnan(scores.dice[0])
    assert math.isnan(scores.hd95_mm[0])
    assert math.isnan(scores.dice_mean)


def test_a_class_that_only_one_has_has_no_distance_and_no_overlap():
    truth = np.zeros((4, 4, 4), np.uint8)
    truth[1:3, 1:3, 1:3] = 1
    for pair in ((truth, np.zeros_like(truth)), (np.zeros_like(truth), truth)):
        scores = score_case(*pair, 2, (1.0, 1.0, 1.0))
        assert scores.dice == (0.0,)
        assert math.isnan(scores.hd95_mm[0])


def test_the_mean_of_nothing_is_not_a_number():
    assert math.isnan(mean([math.nan]))


def test_dice_by_hand() -> None:
    true, predicted = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 0])
    assert dice(true, predicted, 4)[:2] == pytest.approx([2 * 2 / 6, 0])
    assert np.isnan(dice(true, predicted, 4)[2])
    weights = np.array([1.0, 3, 1, 1, 2, 1])
    assert dice(true, predicted, 3, weights)[0] == pytest.approx(2 * 2 / (4 + 5))


def test_mean_dice_ignores_cases_without_the_class() -> None:
    scores = [np.array([0.5, np.nan, np.nan]), np.array([1.0, 0.2, np.nan])]
    assert mean_dice(scores)[:2] == pytest.approx([0.75, 0.2])


def test_dice_of_weighted_points_is_that_of_repeated_points() -> None:
    rng = np.random.default_rng(5)
    true, predicted, repeats = (rng.integers(low, 4, 50) for low in (0, 0, 1))
    repeated = dice(np.repeat(true, repeats), np.repeat(predicted, repeats), 4)
    assert dice(true, predicted, 4, repeats.astype(float)) == pytest.approx(repeated)
