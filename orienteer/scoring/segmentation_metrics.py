"""How well a label map agrees with the truth: Dice and the 95 % Hausdorff distance in mm, class by class."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8


@dataclass(frozen=True)
class CaseScores:
    """Scores of one case; one entry per class above background, in the order of the classes.

    Attributes:
        dice: overlap, 0 to 1. NaN where neither the truth nor the prediction has the class.
        hd95_mm: 95 % Hausdorff distance. NaN where the truth or the prediction lacks the class.
    """

    dice: tuple[float, ...]
    hd95_mm: tuple[float, ...]

    @property
    def dice_mean(self) -> float:
        """The mean over the classes that can be scored; NaN where there is none."""
        return mean(self.dice)


def score_case(
    predicted: UInt8[np.ndarray, "size0 size1 size2"],
    truth: UInt8[np.ndarray, "size0 size1 size2"],
    classes: int,
    spacing_mm: tuple[float, float, float],
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
    counts = np.bincount(truth.reshape(-1).astype(np.intp) * classes + predicted.reshape(-1), minlength=classes**2)
    table = counts.reshape(classes, classes)  # [truth, predicted]
    both, sums = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    dice = tuple(float(2 * both[c] / sums[c]) if sums[c] else math.nan for c in range(1, classes))
    hd95 = tuple(_hd95(predicted == c, truth == c, spacing_mm) for c in range(1, classes))
    return CaseScores(dice, hd95)


def mean(values: tuple[float, ...] | list[float]) -> float:
    """Returns the mean of the values that are numbers; NaN where there is none.

    Example:
        >>> mean([1.0, math.nan, 2.0])
        1.5
    """
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def _hd95(predicted: np.ndarray, truth: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    if not predicted.any() or not truth.any():
        return math.nan
    from monai.metrics import compute_hausdorff_distance  # here, not above: it takes seconds

    either = predicted | truth
    box = tuple(_reach(either, axis) for axis in range(3))
    first, second = (torch.from_numpy(np.ascontiguousarray(mask[box]))[None, None] for mask in (predicted, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of its own imports
        distance = compute_hausdorff_distance(
            first, second, include_background=True, percentile=95, spacing=list(spacing_mm)
        )
    return float(distance)


def _reach(mask: np.ndarray, axis: int) -> slice:
    """Returns where a mask lies along an axis, with a border of one voxel where there is one."""
    there = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return slice(max(0, int(there[0]) - 1), int(there[-1]) + 2)
