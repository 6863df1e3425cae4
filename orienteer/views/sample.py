"""Where the views of a scan may lie, and drawing a set of them.

A view lies wholly inside the scan and touches only blocks that were scanned: padding and image borders give positions
away. Enough of it is body, not air. Sets are drawn uniformly by rejection, a few candidates at a time: their body share
is summed over the few blocks that each covers, so that a scan seen once costs no table of the whole scan. Where
rejection finds nothing, every start is looked at (running sums along the axes, a slab at a time).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from orienteer.errors import InputError, ScanError
from orienteer.types import Triple, TripleMm

Starts = Int64[np.ndarray, "starts 3"]
"""First voxels of views, array order."""


@runtime_checkable
class Body(Protocol):
    """What is known about a scan in blocks: `orienteer.scans.store.BodyMap` is one."""

    @property
    def body(self) -> UInt8[np.ndarray, "blocks0 blocks1 blocks2"]:
        """Share of each block's voxels that are body, 0..255 for none..all."""

    @property
    def inside(self) -> Bool[np.ndarray, "blocks0 blocks1 blocks2"]:
        """Whether the block lies wholly inside the scanned field."""

    @property
    def cell_vox(self) -> int:
        """Edge of a block in voxels; the last block of an axis may be shorter."""


@dataclass(frozen=True)
class ViewPolicy:
    """How many views make a set, how large they are, and where they may lie."""

    views: int = 3
    """Number of views drawn from one scan at a time."""

    view_size: Triple | None = None
    """Size of a view in voxels, array order. Nothing: planned from the scans."""

    min_body_fraction: float = 0.3
    """Least share of a view that is body, 0 to 1. Views of air teach nothing and have no place."""

    min_distance_mm: float | None = None
    """Least distance in mm between the centres of any two views of a set. Nothing: no limit."""

    max_distance_mm: float | None = None
    """Largest distance in mm between the centres of any two views of a set. Nothing: no limit."""

    layout: Literal["free", "pairs", "block"] | None = None
    """How the views of a set lie to each other. free: anywhere. pairs: every second view overlaps the one before. block:
    eight neighbours, and one view among them. Nothing: free."""

    pair_shift: float = 0.5
    """Layout pairs: the farthest that a view is moved against the one before, on each axis, as a share of its edge."""

    def __post_init__(self) -> None:
        if self.views < 1:
            raise InputError("views", wanted="at least 1", got=str(self.views), do="ask for 2 views or more")
        if self.view_size is not None and min(self.view_size) < 1:
            raise InputError("view_size", wanted="at least 1 voxel per axis", got=str(self.view_size), do="enlarge it")
        if not 0 <= self.min_body_fraction <= 1:
            got = str(self.min_body_fraction)
            raise InputError("min_body_fraction", wanted="a share from 0 to 1", got=got, do="use 0.3 for three tenths")
        low, high = self.min_distance_mm or 0.0, np.inf if self.max_distance_mm is None else self.max_distance_mm
        if not 0 <= low <= high:
            got = f"min_distance_mm={self.min_distance_mm}, max_distance_mm={self.max_distance_mm}"
            raise InputError("distances", wanted="0 <= minimum <= maximum", got=got, do="exchange or widen the limits")
        if not 0 <= self.pair_shift < 1:
            got = str(self.pair_shift)
            raise InputError("pair_shift", wanted="0 or more and below 1", got=got, do="use 0.5 for half a view")

    def with_views(self, views: int) -> "ViewPolicy":
        """Returns the same policy for another number of views."""
        return replace(self, views=views)


def draw_starts(
    rng: np.random.Generator,
    shape_vox: Triple,
    body: Body,
    policy: ViewPolicy,
    spacing_mm: TripleMm,
    name: str = "scan",
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first voxels of one set of views, uniform over all allowed sets.

    With limits on the distance, a set that rejection does not find is put together view by view from all starts that
    remain allowed; such sets keep every limit but are no longer exactly uniform.

    Args:
        rng: the draw depends on nothing else.
        shape_vox: size of the scan in voxels.
        body: the scan's blocks, over the same voxels.
        policy: what is allowed; its ``view_size`` must be set.
        spacing_mm: voxel size in mm, for the distances.
        name: the scan's name in errors.

    Raises:
        ScanError: with step ``fit``, when the scan holds no such set.

    Example:
        >>> from types import SimpleNamespace
        >>> body = np.full((10, 8, 8), 255, np.uint8)
        >>> solid = SimpleNamespace(body=body, inside=body > 0, cell_vox=4)
        >>> policy = ViewPolicy(views=3, view_size=(16, 16, 32), min_distance_mm=10.0)
        >>> starts = draw_starts(np.random.default_rng(0), (40, 32, 32), solid, policy, (2.0, 2.0, 2.0))
        >>> starts.shape, bool((starts[:, 2] == 0).all())  # as long as the scan on axis 2
        ((3, 3), True)
    """
    size_vox = _view_size(policy)
    reason = _too_small(shape_vox, size_vox) or _too_near(shape_vox, size_vox, policy, spacing_mm)
    if reason is None:
        _check_blocks(shape_vox, body, name)
        starts = _by_rejection(rng, shape_vox, body, policy, spacing_mm)
        if starts is None:
            starts, reason = _by_search(rng, shape_vox, body, policy, spacing_mm)
        if starts is not None:
            return starts
    wanted = f"{policy.views} views of {size_vox} voxels"
    do = "use a smaller view_size, a smaller min_body_fraction or wider distances, or leave the scan out"
    raise ScanError(name, step="fit", wanted=wanted, got=str(reason), do=do)


def can_hold(shape_vox: Triple, body: Body, view_size: Triple, min_body_fraction: float) -> str | None:
    """Returns why a scan cannot hold a single view, or nothing if it can.

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
    _check_blocks(shape_vox, body, "scan")
    policy = ViewPolicy(views=1, view_size=view_size, min_body_fraction=min_body_fraction)
    # One allowed place is proof enough, and is found at once in nearly every scan.
    if _by_rejection(np.random.default_rng(0), shape_vox, body, policy, (1.0, 1.0, 1.0)) is not None:
        return None
    best = max(int(totals.max()) for _, totals in _all_totals(shape_vox, body, view_size))
    return None if best >= _needed(policy) else _lacking(best, policy)


_CANDIDATES = 2048
"""How many start positions are tried before all of them are looked at."""

_FIRST_CANDIDATES, _MOST_CANDIDATES = 16, 256
"""Candidates are drawn in batches that double: most scans need a handful, few need many."""

_SEARCHES = 32
"""How often a set with limited distances is begun anew before the scan is given up."""

_ROUNDING = 1e-9
"""Relative slack of squared distances, so that a distance of exactly the limit is allowed on every spacing."""


def _view_size(policy: ViewPolicy) -> Triple:
    if policy.view_size is None:
        raise InputError("view_size", wanted="a size in voxels", got="none", do="plan it first, or set it")
    return policy.view_size


def _too_small(shape_vox: Triple, size_vox: Triple) -> str | None:
    short = [axis for axis in range(3) if shape_vox[axis] < size_vox[axis]]
    if not short:
        return None
    return "smaller than a view on " + ", ".join(f"axis {a}: {shape_vox[a]} < {size_vox[a]} voxels" for a in short)


def _too_near(shape_vox: Triple, size_vox: Triple, policy: ViewPolicy, spacing_mm: TripleMm) -> str | None:
    room_mm = (np.array(shape_vox) - np.array(size_vox)) * np.array(spacing_mm)
    farthest_mm = float(np.linalg.norm(room_mm))
    if policy.views < 2 or policy.min_distance_mm is None or farthest_mm >= policy.min_distance_mm * (1 - _ROUNDING):
        return None
    return f"views at most {farthest_mm:.1f} mm apart where min_distance_mm is {policy.min_distance_mm}"


def _check_blocks(shape_vox: Triple, body: Body, name: str) -> None:
    blocks = tuple(-(-length // body.cell_vox) for length in shape_vox)
    if body.body.shape != blocks or body.inside.shape != blocks:
        wanted = f"{blocks} blocks of {body.cell_vox} voxels for a scan of {shape_vox} voxels"
        got = f"{body.body.shape} (body) and {body.inside.shape} (inside)"
        raise ScanError(name, step="fit", wanted=wanted, got=got, do="prepare the scan again")


def _needed(policy: ViewPolicy) -> float:
    """Returns the least sum of body, in voxels times 255, over a view."""
    return policy.min_body_fraction * float(np.prod(_view_size(policy))) * 255 - 1e-6


def _lacking(best: int, policy: ViewPolicy) -> str:
    if best < 0:
        return f"no place of {policy.view_size} voxels wholly inside the scanned field"
    share = best / (255 * float(np.prod(_view_size(policy))))
    return f"at most {100 * share:.1f} % of a view is body where min_body_fraction is {policy.min_body_fraction}"


def _by_rejection(
    rng: np.random.Generator, shape_vox: Triple, body: Body, policy: ViewPolicy, spacing_mm: TripleMm
) -> Int64[np.ndarray, "views 3"] | None:
    size_vox = _view_size(policy)
    room = np.array(shape_vox, np.int64) - np.array(size_vox, np.int64)
    pool = np.empty((0, 3), np.int64)
    tried, batch = 0, max(_FIRST_CANDIDATES, policy.views)
    while tried < _CANDIDATES:
        candidates = rng.integers(0, room, (batch, 3), dtype=np.int64, endpoint=True)
        pool = np.concatenate([pool, candidates[_allowed(candidates, body, size_vox, _needed(policy))]])
        whole = len(pool) - len(pool) % policy.views
        sets, pool = pool[:whole].reshape(-1, policy.views, 3), pool[whole:]
        good = _distances_kept(sets, policy, spacing_mm)
        if good.any():
            return sets[int(good.argmax())]
        tried, batch = tried + batch, max(min(2 * batch, _MOST_CANDIDATES), policy.views)
    return None


def may_lie(starts: Starts, body: Body, policy: ViewPolicy) -> Bool[np.ndarray, " starts"]:
    """Returns which starts (inside the scan) give a view with enough body and nothing that was not scanned."""
    return _allowed(starts, body, _view_size(policy), _needed(policy))


def _allowed(starts: Starts, body: Body, size_vox: Triple, needed: float) -> Bool[np.ndarray, " starts"]:
    blocks = body.body.shape
    covered = [_covered(starts[:, axis], size_vox[axis], body.cell_vox, blocks[axis]) for axis in range(3)]
    enough = _window_sums(body.body, covered) >= needed
    if not body.inside.all():
        enough &= _window_sums(~body.inside, covered) == 0
    return enough


def _covered(starts: np.ndarray, size: int, cell: int, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns, per start, the blocks of one axis that a view may touch and how many of its voxels lie in each."""
    window = min((size + cell - 2) // cell + 1, blocks)
    index = (starts // cell)[:, None] + np.arange(window)  # (starts, window)
    low, high = index * cell, (index + 1) * cell
    voxels = np.minimum(starts[:, None] + size, high) - np.maximum(starts[:, None], low)
    # Blocks past the end weigh nothing; their index only has to be a valid one.
    return np.minimum(index, blocks - 1), np.maximum(voxels, 0)


def _window_sums(values: np.ndarray, covered: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Returns, per start, the sum over the view's voxels of the value of the block that each lies in. Exact."""
    (i0, w0), (i1, w1), (i2, w2) = covered
    window = values[i0[:, :, None, None], i1[:, None, :, None], i2[:, None, None, :]]  # (starts, k0, k1, k2)
    starts, k0, k1, k2 = window.shape
    # Whole numbers far below 2**24 along one axis and below 2**53 in all, so that no rounding decides.
    lines = window.reshape(starts, k0 * k1, k2).astype(np.float32) @ w2[:, :, None].astype(np.float32)
    planes = lines.reshape(starts, k0, k1).astype(np.float64) @ w1[:, :, None]
    return (planes[:, :, 0] * w0).sum(1)


def _distances_kept(sets: np.ndarray, policy: ViewPolicy, spacing_mm: TripleMm) -> np.ndarray:
    """Returns, for sets ``(sets, views, 3)``, whether all pairs of centres keep the limits."""
    i, j = np.triu_indices(policy.views, 1)
    squared = (((sets[:, j] - sets[:, i]) * np.array(spacing_mm)) ** 2).sum(-1)  # (sets, pairs): from i to j
    return np.all(_reach(squared, policy), axis=1)


def _reach(squared_mm: np.ndarray, policy: ViewPolicy) -> np.ndarray:
    kept = np.ones(squared_mm.shape, bool)
    if policy.min_distance_mm is not None:
        kept &= squared_mm >= policy.min_distance_mm**2 * (1 - _ROUNDING)
    if policy.max_distance_mm is not None:
        kept &= squared_mm <= policy.max_distance_mm**2 * (1 + _ROUNDING)
    return kept


def _by_search(
    rng: np.random.Generator, shape_vox: Triple, body: Body, policy: ViewPolicy, spacing_mm: TripleMm
) -> tuple[Int64[np.ndarray, "views 3"] | None, str | None]:
    """Returns a set, or nothing and the reason."""
    size_vox = _view_size(policy)
    room0, room1, room2 = (length - size + 1 for length, size in zip(shape_vox, size_vox, strict=True))
    allowed, best = np.zeros((room0, room1, room2), bool), -1
    for first, totals in _all_totals(shape_vox, body, size_vox):
        allowed[first : first + len(totals)] = totals >= _needed(policy)
        best = max(best, int(totals.max()))
    if not allowed.any():
        return None, _lacking(best, policy)
    for _ in range(_SEARCHES):
        starts = _one_after_another(rng, allowed, policy, spacing_mm)
        if starts is not None:
            return starts, None
    limits = f"min_distance_mm {policy.min_distance_mm} and max_distance_mm {policy.max_distance_mm}"
    return None, f"no set that keeps {limits} in {_CANDIDATES} draws and {_SEARCHES} searches"


def _one_after_another(
    rng: np.random.Generator, allowed: np.ndarray, policy: ViewPolicy, spacing_mm: TripleMm
) -> Int64[np.ndarray, "views 3"] | None:
    limited = policy.min_distance_mm is not None or policy.max_distance_mm is not None
    left = allowed.copy() if limited else allowed
    starts: list[np.ndarray] = []
    while len(starts) < policy.views:
        if not left.any():
            return None
        starts.append(_pick(rng, left))
        if limited:
            _keep_reachable(left, starts[-1], policy, spacing_mm)
    return np.stack(starts)


def _pick(rng: np.random.Generator, allowed: np.ndarray) -> np.ndarray:
    """Returns one allowed start, each equally likely, without listing all of them."""
    until = np.cumsum(np.count_nonzero(allowed, axis=(1, 2)))
    chosen = int(rng.integers(until[-1]))
    slab = int(np.searchsorted(until, chosen, side="right"))
    before = int(until[slab - 1]) if slab else 0
    within = np.flatnonzero(allowed[slab])[chosen - before]
    return np.array([slab, *np.unravel_index(within, allowed.shape[1:])], np.int64)


def _keep_reachable(left: np.ndarray, start: np.ndarray, policy: ViewPolicy, spacing_mm: TripleMm) -> None:
    squared = [((np.arange(left.shape[a]) - start[a]) * spacing_mm[a]) ** 2 for a in range(3)]
    plane = squared[1][:, None] + squared[2][None, :]
    for slab in range(left.shape[0]):  # one slab at a time: a table of all distances would outweigh the scan
        left[slab] &= _reach(squared[0][slab] + plane, policy)


_SLAB = 16
"""Start positions of axis 0 that are looked at together; bounds the memory of a search."""


def _all_totals(shape_vox: Triple, body: Body, size_vox: Triple) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the sums of body (voxels times 255) of views at all starts, -1 where a view touches an unscanned block.

    Yields:
        The first start on axis 0, and the sums ``(starts0, starts1, starts2)`` from there on.
    """
    outside = None if body.inside.all() else ~body.inside
    bodies = _running(body.body, 0, shape_vox, size_vox, body.cell_vox)
    outsides = None if outside is None else _running(outside, 0, shape_vox, size_vox, body.cell_vox)
    for first in range(0, len(bodies), _SLAB):
        totals = bodies[first : first + _SLAB]
        for axis in (1, 2):
            totals = _running(totals, axis, shape_vox, size_vox, body.cell_vox)
        if outsides is not None:
            touched = outsides[first : first + _SLAB]
            for axis in (1, 2):
                touched = _running(touched, axis, shape_vox, size_vox, body.cell_vox)
            totals[touched > 0] = -1
        yield first, totals


def _running(values: np.ndarray, axis: int, shape_vox: Triple, size_vox: Triple, cell: int) -> np.ndarray:
    """Returns the sums over all runs of ``size_vox[axis]`` voxels along one axis that is still in blocks."""
    values = np.moveaxis(values, axis, 0)
    voxels = np.repeat(values, cell, axis=0)[: shape_vox[axis]].astype(np.int64)
    sums = np.concatenate([np.zeros_like(voxels[:1]), np.cumsum(voxels, axis=0)])
    size = size_vox[axis]
    return np.moveaxis(sums[size:] - sums[:-size], 0, axis)
