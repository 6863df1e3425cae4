"""ViewPolicy: how many views make a set, how large they are, and where in a scan they may lie."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from orienteer.errors import InputError
from orienteer.settings import require
from orienteer.types import Triple

_ROUNDING = 1e-9
"""Relative slack of squared distances, so that a distance of exactly the limit is allowed at every spacing."""


@dataclass(frozen=True)
class ViewPolicy:
    """How many views make a set, how large they are, and where they may lie."""

    views: int = 3
    """Number of views drawn from one scan at a time."""

    view_size: Triple | None = None
    """Size of a view in voxels, array order. If not set, it is planned from the scans."""

    min_body_fraction: float = 0.3
    """Minimum fraction of a view that is body, 0 to 1. Views of air contain nothing to learn."""

    min_distance_mm: float | None = None
    """Minimum distance in mm between the centres of any two views of a set. No limit if not set."""

    max_distance_mm: float | None = None
    """Maximum distance in mm between the centres of any two views of a set. No limit if not set."""

    layout: Literal["free", "pairs", "mixed", "block"] | None = None
    """Relative placement of the views of a set. free: anywhere. pairs: every second view overlaps the one before it. mixed: the
    second view overlaps the first, the others lie anywhere. block: eight neighbouring views, and one view among them. If not
    set: free."""

    pair_shift: float = 0.5
    """Layouts pairs and mixed: maximum shift of a view against the one before, per axis, as a fraction of a view."""

    def __post_init__(self) -> None:
        fraction, shift = self.min_body_fraction, self.pair_shift
        low, high = self.min_distance_mm or 0.0, np.inf if self.max_distance_mm is None else self.max_distance_mm
        limits = f"min_distance_mm={self.min_distance_mm}, max_distance_mm={self.max_distance_mm}"
        positive = self.view_size is None or min(self.view_size) >= 1
        require(self.views >= 1, "views", "at least 1", self.views, "use 2 or more")
        require(positive, "view_size", "at least 1 voxel per axis", self.view_size, "use a larger size")
        require(0 <= fraction <= 1, "min_body_fraction", "a fraction from 0 to 1", fraction, "use 0.3 for 30 %")
        require(0 <= low <= high, "distances", "0 <= minimum <= maximum", limits, "swap or widen the limits")
        require(0 <= shift < 1, "pair_shift", "0 or more and below 1", shift, "use 0.5 for half a view")

    @property
    def size_vox(self) -> Triple:
        """The view size in voxels, once it is known.

        Raises:
            InputError: no view size was set or planned.
        """
        if self.view_size is None:
            raise InputError("view_size", wanted="a size in voxels", got="none", do="plan it first, or set it")
        return self.view_size

    @property
    def min_body_sum(self) -> float:
        """Minimum sum over the voxels of a view, where a voxel of body counts 255."""
        return self.min_body_fraction * float(np.prod(self.size_vox)) * 255 - 1e-6

    @property
    def limits_distances(self) -> bool:
        """Whether there is any limit on the distances between views."""
        return self.min_distance_mm is not None or self.max_distance_mm is not None

    def allows(self, squared_mm: Float64[np.ndarray, "*pairs"]) -> Bool[np.ndarray, "*pairs"]:
        """Returns which squared distances, in mm², are within the limits.

        Example:
            >>> ViewPolicy(min_distance_mm=2.0, max_distance_mm=4.0).allows(np.array([1.0, 4.0, 16.0, 17.0])).tolist()
            [False, True, True, False]
        """
        allowed = np.ones(squared_mm.shape, bool)
        if self.min_distance_mm is not None:
            allowed &= squared_mm >= self.min_distance_mm**2 * (1 - _ROUNDING)
        if self.max_distance_mm is not None:
            allowed &= squared_mm <= self.max_distance_mm**2 * (1 + _ROUNDING)
        return allowed

    def reaches(self, farthest_mm: float) -> bool:
        """Returns whether views at most ``farthest_mm`` apart can keep the minimum distance."""
        return self.min_distance_mm is None or farthest_mm >= self.min_distance_mm * (1 - _ROUNDING)

    def with_views(self, views: int) -> "ViewPolicy":
        """Returns the same policy with another number of views."""
        return replace(self, views=views)
