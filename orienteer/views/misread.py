"""Misread views: views as a wrong header would show them, axes confused or mirrored, voxels of a wrong size.

They are extra views, apart from those of a set, for tasks that learn what a sound scan looks like.
`orienteer.views.misread_cut` draws and cuts them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from orienteer.settings import require


@dataclass(frozen=True)
class MisreadPolicy:
    """Which sets get a misread view, and how wrong the voxel size of one may be."""

    every: int = 4
    """One misread view for this many view sets."""

    largest_factor: float = 2.0
    """The largest error of the voxel size: factors are between its inverse and it."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every, "use 4 for one misread view in four view sets")
        wanted = "1 or more, at most 4"
        require(1 <= self.largest_factor <= 4, "largest_factor", wanted, self.largest_factor, "use 2.0")

    def shared_by(self, sets: int) -> "MisreadPolicy":
        """Returns the policy for processes that get ``sets`` sets per step: each has misread views in every step.

        Example:
            >>> [MisreadPolicy(every=4).shared_by(sets).every for sets in (1, 4, 6, 8)]
            [1, 4, 6, 4]
        """
        least = min(self.every, sets)
        every = next(number for number in range(least, sets + 1) if sets % number == 0)
        return MisreadPolicy(every, self.largest_factor)


@dataclass(frozen=True)
class Misreading:
    """How views of a batch were misread.

    Attributes:
        orientation: number in `ORIENTATIONS`, what the header made of the body's axes; ``(batch, views)``.
        log_factor: natural log of the stated voxel size over the true one, along each axis as stated;
            ``(batch, views, 3)``.
    """

    orientation: Int64[Tensor, "batch views"]
    log_factor: Float[Tensor, "batch views 3"]

    def each(self, function: Callable[[Tensor], Tensor]) -> "Misreading":
        """Returns a copy with a function applied to every tensor."""
        return Misreading(*(function(getattr(self, item.name)) for item in fields(self)))


@dataclass(frozen=True)
class MisreadView:
    """One misread view.

    Attributes:
        image: its voxels, ``(1, 1, size0, size1, size2)``.
        orientation: number in `ORIENTATIONS`.
        log_factor: log of the stated over the true voxel size, ``(3,)``.
    """

    image: Float[Tensor, "1 1 size0 size1 size2"]
    orientation: int
    log_factor: Float[Tensor, "3"]

    @staticmethod
    def stacked(views: "Sequence[MisreadView]") -> tuple[Float[Tensor, "batch 1 1 _ _ _"], Misreading]:
        """Returns the voxels and labels of several as a batch of sets of one view each."""
        orientation = torch.tensor([[view.orientation] for view in views])
        log_factor = torch.stack([view.log_factor for view in views])[:, None]
        return torch.stack([view.image for view in views]), Misreading(orientation, log_factor)
