"""Misread views: large coarse boxes of a scan as a wrong header would show them, axes confused, voxels of a wrong size.

They are extra to the views of a set, for tasks that learn what a sound scan looks like. They are coarse, so that one holds
much of a scan and costs next to nothing. `orienteer.views.misread_cut` draws and cuts them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from orienteer.settings import require
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class MisreadPolicy:
    """How many misread views there are, how large they are, and how wrong their voxel size may be."""

    extent_mm: float
    """Edge of the cube that a misread view shows, as stated."""

    every: int = 4
    """One view set of this many has misread views."""

    views: int = 16
    """Number of misread views of such a set."""

    edge_vox: int = 24
    """Edge of a misread view in voxels."""

    largest_factor: float = 2.0
    """The largest error of the voxel size: factors are between its inverse and it."""

    def __post_init__(self) -> None:
        for name in ("every", "views", "edge_vox"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name), "use a larger number")
        wanted = "1 or more, at most 4"
        require(1 <= self.largest_factor <= 4, "largest_factor", wanted, self.largest_factor, "use 2.0")

    @property
    def size_vox(self) -> Triple:
        """Size of a misread view in voxels."""
        return (self.edge_vox,) * 3

    @property
    def spacing_mm(self) -> TripleMm:
        """Voxel size of a misread view, as stated, mm."""
        return (self.extent_mm / self.edge_vox,) * 3

    def shared_by(self, sets: int) -> "MisreadPolicy":
        """Returns the policy for processes that get ``sets`` sets per step: each has misread views in every step.

        Example:
            >>> [MisreadPolicy(extent_mm=320.0, every=4).shared_by(sets).every for sets in (1, 4, 6, 8)]
            [1, 4, 6, 4]
        """
        least = min(self.every, sets)
        return replace(self, every=next(number for number in range(least, sets + 1) if sets % number == 0))


@dataclass(frozen=True)
class Misreading:
    """How views were misread.

    Attributes:
        orientation: number in `ORIENTATIONS`, what the header made of the body's axes; ``(*batch, views)``.
        log_factor: natural log of the stated voxel size over the true one, along each axis as stated;
            ``(*batch, views, 3)``.
    """

    orientation: Int64[Tensor, "*batch views"]
    log_factor: Float[Tensor, "*batch views 3"]

    def each(self, function: Callable[[Tensor], Tensor]) -> "Misreading":
        """Returns a copy with a function applied to every tensor."""
        return Misreading(*(function(getattr(self, item.name)) for item in fields(self)))


@dataclass(frozen=True)
class MisreadViews:
    """The misread views of one scan.

    Attributes:
        images: their voxels, ``(views, 1, size0, size1, size2)``.
        misreading: how they were misread.
        spacing_mm: their voxel size, as stated.
    """

    images: Float[Tensor, "views 1 size0 size1 size2"]
    misreading: Misreading
    spacing_mm: TripleMm

    @staticmethod
    def stacked(sets: "Sequence[MisreadViews]") -> tuple[Float[Tensor, "batch views 1 _ _ _"], Misreading]:
        """Returns the voxels and labels of several scans as a batch."""
        orientation = torch.stack([views.misreading.orientation for views in sets])
        log_factor = torch.stack([views.misreading.log_factor for views in sets])
        return torch.stack([views.images for views in sets]), Misreading(orientation, log_factor)
