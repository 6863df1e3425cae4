"""Drawing the places of a set of views in a scan.

A view lies wholly inside the scan and touches only blocks that were scanned: padding and image borders give positions
away. Enough of it is body, not air. Sets are drawn uniformly by rejection, a few candidates at a time, whose body is
summed over the few blocks that each covers, so that a scan used once needs no table of the whole scan. Where rejection
finds none, all starts are searched (`orienteer.views.search`).
"""

import numpy as np
from jaxtyping import Bool, Int64

from orienteer.errors import ScanError
from orienteer.types import Triple, TripleMm
from orienteer.views.body import Body, ViewSpace, body_sums_everywhere, enough_body
from orienteer.views.policy import ViewPolicy
from orienteer.views.search import draw_from_all, too_little_body

_CANDIDATES = 2048
"""How many start positions are tried before all of them are searched."""

_FIRST_CANDIDATES, _MOST_CANDIDATES = 16, 256
"""Candidates are drawn in batches that double: most scans need a handful, few need many."""


def draw_starts(
    rng: np.random.Generator, space: ViewSpace, policy: ViewPolicy, thorough: bool = True
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first voxels of one set of views, uniform over all allowed sets.

    With limits on the distance, a set that rejection does not find is put together view by view from all starts that
    remain allowed; such sets keep every limit but are no longer exactly uniform.

    Args:
        rng: the draw depends on nothing else.
        space: the scan.
        policy: what is allowed; its ``view_size`` must be set.
        thorough: whether all starts are searched where rejection finds none, or that is an error too.

    Raises:
        ScanError: with step ``fit``, when the scan holds no such set.

    Example:
        >>> from types import SimpleNamespace
        >>> body = np.full((10, 8, 8), 255, np.uint8)
        >>> solid = SimpleNamespace(body=body, inside=body > 0, cell_vox=4)
        >>> policy = ViewPolicy(views=3, view_size=(16, 16, 32), min_distance_mm=10.0)
        >>> starts = draw_starts(np.random.default_rng(0), ViewSpace((40, 32, 32), solid, (2.0, 2.0, 2.0)), policy)
        >>> starts.shape, bool((starts[:, 2] == 0).all())  # as long as the scan on axis 2
        ((3, 3), True)
    """
    reason = _too_small(space.shape_vox, policy.size_vox) or _too_near(space, policy)
    if reason is None:
        _check_blocks(space)
        starts = _by_rejection(rng, space, policy)
        reason = f"none among {_CANDIDATES} places"
        if starts is None and thorough:
            starts, reason = draw_from_all(rng, space, policy)
        if starts is not None:
            return starts
    wanted = f"{policy.views} views of {policy.size_vox} voxels"
    do = "use a smaller view_size, a smaller min_body_fraction or wider distances, or leave the scan out"
    raise ScanError(space.name, step="fit", wanted=wanted, got=str(reason), do=do)


def can_hold(shape_vox: Triple, body: Body, view_size: Triple, min_body_fraction: float) -> str | None:
    """Returns why a scan cannot hold a single view, or None if it can.

    Example:
        >>> from types import SimpleNamespace
        >>> body = np.full((10, 8, 5), 255, np.uint8)
        >>> solid = SimpleNamespace(body=body, inside=body > 0, cell_vox=4)
        >>> can_hold((40, 32, 20), solid, (32, 32, 32), 0.3)
        'smaller than a view on axis 2: 20 < 32 voxels'
        >>> can_hold((40, 32, 20), solid, (16, 16, 16), 0.3) is None
        True
    """
    reason = _too_small(shape_vox, view_size)
    if reason is not None:
        return reason
    space = ViewSpace(shape_vox, body, (1.0, 1.0, 1.0))
    _check_blocks(space)
    policy = ViewPolicy(views=1, view_size=view_size, min_body_fraction=min_body_fraction)
    # One allowed place is proof enough, and is found at once in nearly every scan.
    if _by_rejection(np.random.default_rng(0), space, policy) is not None:
        return None
    largest_sum = max(int(sums.max()) for _, sums in body_sums_everywhere(shape_vox, body, view_size))
    return None if largest_sum >= policy.min_body_sum else too_little_body(largest_sum, policy)


def _too_small(shape_vox: Triple, size_vox: Triple) -> str | None:
    short = [axis for axis in range(3) if shape_vox[axis] < size_vox[axis]]
    if not short:
        return None
    return "smaller than a view on " + ", ".join(f"axis {a}: {shape_vox[a]} < {size_vox[a]} voxels" for a in short)


def _too_near(space: ViewSpace, policy: ViewPolicy) -> str | None:
    room_mm = (np.array(space.shape_vox) - np.array(policy.size_vox)) * np.array(space.spacing_mm)
    farthest_mm = float(np.linalg.norm(room_mm))
    if policy.views < 2 or policy.reaches(farthest_mm):
        return None
    return f"views at most {farthest_mm:.1f} mm apart where min_distance_mm is {policy.min_distance_mm}"


def _check_blocks(space: ViewSpace) -> None:
    shape_vox, body = space.shape_vox, space.body
    blocks = tuple(-(-length // body.cell_vox) for length in shape_vox)
    if body.body.shape != blocks or body.inside.shape != blocks:
        wanted = f"{blocks} blocks of {body.cell_vox} voxels for a scan of {shape_vox} voxels"
        got = f"{body.body.shape} (body) and {body.inside.shape} (inside)"
        raise ScanError(space.name, step="fit", wanted=wanted, got=got, do="prepare the scan again")


def _by_rejection(
    rng: np.random.Generator, space: ViewSpace, policy: ViewPolicy
) -> Int64[np.ndarray, "views 3"] | None:
    size_vox = policy.size_vox
    room = np.array(space.shape_vox, np.int64) - np.array(size_vox, np.int64)
    pool = np.empty((0, 3), np.int64)
    tried, batch = 0, max(_FIRST_CANDIDATES, policy.views)
    while tried < _CANDIDATES:
        candidates = rng.integers(0, room, (batch, 3), dtype=np.int64, endpoint=True)
        pool = np.concatenate([pool, candidates[enough_body(candidates, space, size_vox, policy.min_body_sum)]])
        whole = len(pool) - len(pool) % policy.views
        sets, pool = pool[:whole].reshape(-1, policy.views, 3), pool[whole:]
        good = _distances_kept(sets, policy, space.spacing_mm)
        if good.any():
            starts: np.ndarray = sets[int(good.argmax())]
            return starts
        tried, batch = tried + batch, max(min(2 * batch, _MOST_CANDIDATES), policy.views)
    return None


def _distances_kept(
    sets: Int64[np.ndarray, "sets views 3"], policy: ViewPolicy, spacing_mm: TripleMm
) -> Bool[np.ndarray, " sets"]:
    """Returns in which sets the distances between all pairs of centres are within the limits."""
    i, j = np.triu_indices(policy.views, 1)
    squared_mm = (((sets[:, j] - sets[:, i]) * np.array(spacing_mm)) ** 2).sum(-1)  # (sets, pairs): from i to j
    kept: np.ndarray = np.all(policy.allows(squared_mm), axis=1)
    return kept
