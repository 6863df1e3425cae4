"""Drawing a set of views from all starts of a scan, for the few scans in which rejection sampling fails."""

import numpy as np
from jaxtyping import Bool, Int64

from orienteer.types import TripleMm
from orienteer.views.body import ViewSpace, body_sums_everywhere
from orienteer.views.policy import ViewPolicy

_SEARCHES = 32
"""How many times a set with limited distances is started again before the scan is given up."""


def draw_from_all(
    rng: np.random.Generator, space: ViewSpace, policy: ViewPolicy
) -> tuple[Int64[np.ndarray, "views 3"] | None, str | None]:
    """Returns a set of allowed starts, or None and the reason why there is none.

    Args:
        rng: the draw depends on nothing else.
        space: the scan; no axis is shorter than a view.
        policy: what is allowed; its view size is set.
    """
    room0, room1, room2 = (length - size + 1 for length, size in zip(space.shape_vox, policy.size_vox, strict=True))
    allowed, largest_sum = np.zeros((room0, room1, room2), bool), -1
    for first, sums in body_sums_everywhere(space.shape_vox, space.body, policy.size_vox):
        allowed[first : first + len(sums)] = sums >= policy.min_body_sum
        largest_sum = max(largest_sum, int(sums.max()))
    if space.fits is not None:
        places = np.argwhere(allowed)
        allowed[tuple(places.T)] = space.fits(places, policy.size_vox)
    if not allowed.any():
        return None, too_little_body(largest_sum, policy)
    for _ in range(_SEARCHES):
        starts = _one_after_another(rng, allowed, policy, space.spacing_mm)
        if starts is not None:
            return starts, None
    limits = f"min_distance_mm {policy.min_distance_mm} and max_distance_mm {policy.max_distance_mm}"
    return None, f"no set that keeps {limits} in {_SEARCHES} searches"


def too_little_body(largest_sum: int, policy: ViewPolicy) -> str:
    """Returns the reason why no view is allowed, given the largest body sum of any view (-1: none inside the field).

    Example:
        >>> too_little_body(8 * 255, ViewPolicy(view_size=(4, 4, 4)))
        'at most 12.5 % of a view is body where min_body_fraction is 0.3'
    """
    if largest_sum < 0:
        return f"no place of {policy.view_size} voxels wholly inside the scanned field"
    percent = 100 * largest_sum / (255 * float(np.prod(policy.size_vox)))
    return f"at most {percent:.1f} % of a view is body where min_body_fraction is {policy.min_body_fraction}"


def _one_after_another(
    rng: np.random.Generator,
    allowed: Bool[np.ndarray, "starts0 starts1 starts2"],
    policy: ViewPolicy,
    spacing_mm: TripleMm,
) -> Int64[np.ndarray, "views 3"] | None:
    left = allowed.copy() if policy.limits_distances else allowed
    starts: list[np.ndarray] = []
    while len(starts) < policy.views:
        if not left.any():
            return None
        starts.append(_pick(rng, left))
        if policy.limits_distances:
            _keep_reachable(left, starts[-1], policy, spacing_mm)
    return np.stack(starts)


def _pick(rng: np.random.Generator, allowed: Bool[np.ndarray, "starts0 starts1 starts2"]) -> Int64[np.ndarray, "3"]:
    """Returns one allowed start, each equally likely, without listing all of them."""
    until = np.cumsum(np.count_nonzero(allowed, axis=(1, 2)))
    chosen = int(rng.integers(until[-1]))
    slab = int(np.searchsorted(until, chosen, side="right"))
    before = int(until[slab - 1]) if slab else 0
    within = np.flatnonzero(allowed[slab])[chosen - before]
    return np.array([slab, *np.unravel_index(within, allowed.shape[1:])], np.int64)


def _keep_reachable(left: np.ndarray, start: np.ndarray, policy: ViewPolicy, spacing_mm: TripleMm) -> None:
    """Clears the starts whose distance to ``start`` is beyond the limits."""
    squared_mm = [((np.arange(left.shape[a]) - start[a]) * spacing_mm[a]) ** 2 for a in range(3)]
    plane = squared_mm[1][:, None] + squared_mm[2][None, :]
    for slab in range(
        left.shape[0]
    ):  # one slab at a time: a table of all distances would take more memory than the scan
        left[slab] &= policy.allows(squared_mm[0][slab] + plane)
