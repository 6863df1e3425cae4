"""The histogram baseline: a ridge regression from two views' intensity histograms to their gap.

It reaches what brightness alone allows, without any spatial information.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.geometry.pairs import gap_matrix, pair_index
from orienteer.tensors import GapsMm, Images

ALPHAS = 10.0 ** np.arange(-4, 4)
"""Strengths of the ridge penalty among which cross-validation chooses; histograms are fractions, so small ones matter."""


def view_histograms(images: Images, bins: int) -> Float[Tensor, "batch views bins"]:
    """Returns the fraction of each view's voxels in each of ``bins`` equal intervals of [-1, 1].

    Values outside count in the first or last interval.

    Example:
        >>> view_histograms(torch.linspace(-1, 1, 8).reshape(1, 1, 1, 2, 2, 2), 4).tolist()
        [[[0.25, 0.25, 0.25, 0.25]]]
    """
    values = images.float().flatten(2)
    index = ((values + 1) / 2 * bins).long().clamp(0, bins - 1)
    counts = torch.zeros(*index.shape[:2], bins, device=images.device)
    return counts.scatter_add(2, index, torch.ones_like(values)) / values.shape[2]


def fit_ridge(images: Images, gaps_mm: GapsMm, scans: Sequence[str], bins: int) -> Float[Tensor, "bins 3"]:
    """Returns the weights that turn a difference of histograms (j minus i) into a gap from i to j, mm.

    Fitted in closed form on all pairs i < j, without an intercept, so that the baseline is antisymmetric, as the task is.
    The penalty is chosen by cross-validation between scans (between pairs, where there is only one scan): pairs of one
    scan share views and are not independent.

    Args:
        images: training views.
        gaps_mm: the gaps between them.
        scans: the scan of each view set.
        bins: number of intervals of the histograms.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    i, j = pair_index(images.shape[1], images.device)
    histograms = view_histograms(images, bins)
    differences = (histograms[:, j] - histograms[:, i]).flatten(0, 1).cpu().double().numpy()
    truth_mm = gaps_mm[:, i, j].flatten(0, 1).cpu().double().numpy()
    groups = np.repeat(np.asarray(scans), len(i))
    several = len(set(scans)) > 1
    folds = list(GroupKFold(min(5, len(set(scans)))).split(differences, groups=groups)) if several else None
    model = RidgeCV(ALPHAS, fit_intercept=False, cv=folds).fit(differences, truth_mm)
    return torch.tensor(model.coef_.T, dtype=torch.float32)


def histogram_gaps(images: Images, weights_mm: Float[Tensor, "bins 3"]) -> GapsMm:
    """Returns the gaps, in mm, that the regression predicts from the views' histograms."""
    return gap_matrix(view_histograms(images, weights_mm.shape[0]) @ weights_mm.float())
