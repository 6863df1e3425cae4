"""The four parts of a pair of views, near and far of each, and how similar they are to each other."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from orienteer.geometry.boxes import box_corners
from orienteer.geometry.pairs import pair_index

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("near of 1st", "far of 1st", "near of 2nd", "far of 2nd")
"""The four parts of a pair i < j, in the order in which they are compared; 1st is view i."""

PartCentres = Float[Tensor, "batch views views sides=2 3"]
"""Centres of the parts of view i with respect to view j, in the voxels of view i; near first, then far."""

PartVectors = Float[Tensor, "batch pairs parts=4 channels"]
"""One vector per part of each pair of views."""

PartCosines = Float[Tensor, "batch pairs parts=4 parts=4"]
"""The cosine between any two parts of each pair of views."""


def part_corners(
    centres_vox: PartCentres, size_vox: tuple[float, float, float]
) -> tuple[Float[Tensor, "items boxes 3"], Float[Tensor, "items boxes 3"]]:
    """Returns the low and high corners of all parts of each view, both ``(batch * views, views * 2, 3)``."""
    return box_corners(rearrange(centres_vox, "b i j sides axes -> (b i) (j sides) axes"), size_vox)


def parts_by_pair(vectors: Float[Tensor, "items boxes channels"], batch: int, views: int) -> PartVectors:
    """Returns the vectors of all parts, ordered as in `part_corners`, sorted into the four parts of each pair i < j."""
    matrix = rearrange(vectors, "(b i) (j sides) c -> b i j sides c", b=batch, j=views)
    i, j = pair_index(views, vectors.device)
    return torch.cat([matrix[:, i, j], matrix[:, j, i]], dim=2)  # near_i, far_i, near_j, far_j


def part_cosines(parts: PartVectors) -> PartCosines:
    """Returns the cosine between any two of the four parts of each pair of views; 0 with a part that is all zero."""
    return cosine_similarity(parts[:, :, :, None], parts[:, :, None, :], dim=-1)


def part_accuracies(cosines: PartCosines) -> dict[str, Tensor]:
    """Returns how often the near parts are the more similar ones; ties count as the chance of a random choice.

    ``near_far_accuracy``: more similar than the far parts (chance 0.5). ``near_best_accuracy``: the most similar of all
    six pairs of parts (chance 1/6).

    Example:
        >>> cosines = torch.eye(4).reshape(1, 1, 4, 4).clone()
        >>> cosines[..., 0, 2] = cosines[..., 2, 0] = 0.5
        >>> {key: value.item() for key, value in part_accuracies(cosines).items()}
        {'near_far_accuracy': 1.0, 'near_best_accuracy': 1.0}
    """
    near, far = cosines[:, :, 0, 2], cosines[:, :, 1, 3]
    first, second = torch.triu_indices(4, 4, 1, device=cosines.device)
    six = cosines[:, :, first, second]
    best: Bool[Tensor, "batch pairs 6"] = six == six.amax(dim=-1, keepdim=True)
    return {
        "near_far_accuracy": ((near > far).float() + 0.5 * (near == far).float()).mean(),
        "near_best_accuracy": ((near == six.amax(dim=-1)).float() / best.sum(dim=-1)).mean(),
    }


def extreme_pairs(cosines: Float[np.ndarray, "4 4"]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the numbers of the two most similar parts, and of the two least similar ones.

    Example:
        >>> cosines = np.eye(4)
        >>> cosines[0, 2], cosines[1, 3] = 0.9, -0.9
        >>> extreme_pairs(cosines)
        ((0, 2), (1, 3))
    """
    first, second = np.triu_indices(4, 1)
    six = cosines[first, second]
    most, least = int(six.argmax()), int(six.argmin())
    return (int(first[most]), int(second[most])), (int(first[least]), int(second[least]))


def show_cosines(axes: "Axes", cosines: Float[np.ndarray, "4 4"]) -> None:
    """Draws the cosines between the four parts as a matrix with numbers."""
    axes.imshow(cosines, cmap="cividis", vmin=-1, vmax=1)
    for row, column in np.ndindex(4, 4):
        ink = "black" if cosines[row, column] > 0.2 else "white"
        axes.text(column, row, f"{cosines[row, column]:.2f}", color=ink, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(4), PARTS, fontsize=8)
    axes.set_yticks(range(4), PARTS, fontsize=8)
    axes.set_title("cosine between parts", fontsize=9)
