"""Agreement of a label map with the truth: Dice and the 95 % Hausdorff distance in mm, class by class."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Integer, UInt8

from orienteer.types import TripleMm


@dataclass(frozen=True)
class CaseScores:
    """Scores of one case; one entry per class above background, in the order of the classes.

    Attributes:
        dice: overlap, 0 to 1. NaN if neither the truth nor the prediction has the class.
        hd95_mm: 95 % Hausdorff distance. NaN if the truth or the prediction lacks the class.
    """

    dice: tuple[float, ...]
    hd95_mm: tuple[float, ...]

    @property
    def dice_mean(self) -> float:
        """The mean over the classes that can be scored; NaN if there is none."""
        return mean(self.dice)


def score_case(
    predicted: UInt8[np.ndarray, "size0 size1 size2"],
    truth: UInt8[np.ndarray, "size0 size1 size2"],
    classes: int,
    spacing_mm: TripleMm,
) -> CaseScores:
    """Returns the scores of one case.

    Args:
        predicted: class numbers.
        truth: class numbers on the same voxels.
        classes: how many there are, background among them.
        spacing_mm: voxel size along the arrays' own axes.

    Example:
        >>> truth = np.zeros((8, 8, 8), np.uint8)
        >>> truth[2:6, 2:6, 2:6] = 1
        >>> scores = score_case(np.roll(truth, 1, axis=0), truth, 2, (3.0, 1.0, 1.0))
        >>> scores.dice, scores.hd95_mm
        ((0.75,), (3.0,))
    """
    hd95 = tuple(_hd95(predicted == c, truth == c, spacing_mm) for c in range(1, classes))
    return CaseScores(tuple(dice(truth.reshape(-1), predicted.reshape(-1), classes).tolist()), hd95)


def dice(
    true: Integer[np.ndarray, " points"],
    predicted: Integer[np.ndarray, " points"],
    classes: int,
    weights: Float64[np.ndarray, " points"] | None = None,
) -> Float64[np.ndarray, " foreground"]:
    """Returns the Dice of each class but the background; NaN if neither the truth nor the prediction has it.

    Args:
        true: class numbers.
        predicted: class numbers.
        classes: how many there are, background among them.
        weights: voxels that each point stands for; by default one.

    Example:
        >>> dice(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), classes=4).round(3).tolist()
        [0.667, 0.667, nan]
    """
    agree = true == predicted
    both = np.bincount(true[agree], None if weights is None else weights[agree], classes)
    sizes = np.bincount(true, weights, classes) + np.bincount(predicted, weights, classes)
    scores = np.full(classes, np.nan)
    np.divide(2 * both, sizes, out=scores, where=sizes > 0)
    return scores[1:]


def mean_dice(scores: Sequence[Float64[np.ndarray, " foreground"]]) -> Float64[np.ndarray, " foreground"]:
    """Returns the mean over the cases of each class's Dice; NaN for a class that no case has."""
    table = np.stack(scores)
    known = ~np.isnan(table)
    counts = known.sum(0)
    means = np.full(table.shape[1], np.nan)
    np.divide(np.where(known, table, 0).sum(0), counts, out=means, where=counts > 0)
    return means


def mean(values: Sequence[float]) -> float:
    """Returns the mean of the values that are not NaN; NaN if there is none.

    Example:
        >>> mean([1.0, math.nan, 2.0])
        1.5
    """
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _hd95(
    predicted: Bool[np.ndarray, "size0 size1 size2"], truth: Bool[np.ndarray, "size0 size1 size2"], spacing_mm: TripleMm
) -> float:
    if not predicted.any() or not truth.any():
        return math.nan
    from monai.metrics import compute_hausdorff_distance  # here, not above: it takes seconds

    either = predicted | truth
    box = tuple(_extent(either, axis) for axis in range(3))
    first, second = (torch.from_numpy(np.ascontiguousarray(mask[box]))[None, None] for mask in (predicted, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of its own imports
        distance = compute_hausdorff_distance(
            first, second, include_background=True, percentile=95, spacing=list(spacing_mm)
        )
    return float(distance)


def _extent(mask: Bool[np.ndarray, "size0 size1 size2"], axis: int) -> slice:
    """Returns the extent of a mask along an axis, with a border of one voxel where the array has one."""
    occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return slice(max(0, int(occupied[0]) - 1), int(occupied[-1]) + 2)
