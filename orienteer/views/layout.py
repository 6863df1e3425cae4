"""How the views of a set lie to each other: anywhere, in overlapping pairs, or one among a block of neighbours.

The last two serve tasks that compare the same place seen twice. Whatever the layout, every view lies wholly inside the
scanned field; in a pair both hold enough body, in a block the one in the middle of it does.
"""

import numpy as np
from jaxtyping import Int64

from orienteer.errors import InputError
from orienteer.types import Triple, TripleMm
from orienteer.views.sample import Body, ViewPolicy, draw_starts, may_lie

BLOCK = (2, 2, 2)
"""Neighbours per axis in layout ``block``."""

BLOCK_VIEWS = 1 + BLOCK[0] * BLOCK[1] * BLOCK[2]
"""Views in layout ``block``: the one among them, and the neighbours."""

_PARTNERS = 64
"""Places tried for the partner of a view before it is laid right on it, where a view may always lie."""


def draw_layout(
    rng: np.random.Generator,
    shape_vox: Triple,
    body: Body,
    policy: ViewPolicy,
    spacing_mm: TripleMm,
    name: str = "scan",
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first voxels of one set of views, laid out as the policy says.

    ``free``: as `draw_starts` says. ``pairs``: views 0 and 1, 2 and 3 ... overlap; their first ones are drawn freely.
    ``block``: views 1 to 8 are neighbours, two per axis, next to each other where the scan is large enough and
    overlapping where it is not; view 0 lies anywhere within them.

    Args:
        rng: the draw depends on nothing else.
        shape_vox: size of the scan in voxels.
        body: the scan's blocks.
        policy: what is allowed; its ``view_size`` must be set.
        spacing_mm: voxel size in mm.
        name: the scan's name in errors.

    Raises:
        InputError: a number of views that the layout does not have.
        ScanError: with step ``fit``, when the scan holds no such set.

    Example:
        >>> from types import SimpleNamespace
        >>> body = np.full((10, 8, 8), 255, np.uint8)
        >>> solid = SimpleNamespace(body=body, inside=body > 0, cell_vox=4)
        >>> policy = ViewPolicy(views=4, view_size=(16, 16, 16), layout="pairs", pair_shift=0.25)
        >>> starts = draw_layout(np.random.default_rng(0), (40, 32, 32), solid, policy, (2.0, 2.0, 2.0))
        >>> int(np.abs(starts[1::2] - starts[::2]).max()) <= 4
        True
    """
    check_views(policy.views, policy.layout)
    if policy.layout == "pairs":
        return _pairs(rng, shape_vox, body, policy, spacing_mm, name)
    if policy.layout == "block":
        return _block(rng, shape_vox, body, policy, spacing_mm, name)
    return draw_starts(rng, shape_vox, body, policy, spacing_mm, name)


def check_views(views: int, layout: str | None) -> None:
    """Raises an InputError where a layout does not have so many views.

    Example:
        >>> check_views(4, "pairs")
    """
    if layout == "pairs" and views % 2:
        raise InputError("views", wanted="an even number, for layout 'pairs'", got=str(views), do=f"use {views + 1}")
    if layout == "block" and views != BLOCK_VIEWS:
        raise InputError("views", wanted=f"{BLOCK_VIEWS}, for layout 'block'", got=str(views), do=f"use {BLOCK_VIEWS}")


def _pairs(
    rng: np.random.Generator, shape_vox: Triple, body: Body, policy: ViewPolicy, spacing_mm: TripleMm, name: str
) -> Int64[np.ndarray, "views 3"]:
    firsts = draw_starts(rng, shape_vox, body, policy.with_views(policy.views // 2), spacing_mm, name)
    starts = np.repeat(firsts, 2, axis=0)
    size_vox = np.array(policy.view_size)
    room, reach = np.array(shape_vox) - size_vox, np.floor(policy.pair_shift * size_vox).astype(np.int64)
    for number, first in enumerate(firsts):
        low, high = np.maximum(first - reach, 0), np.minimum(first + reach, room)
        partners = rng.integers(low, high, (_PARTNERS, 3), dtype=np.int64, endpoint=True)
        fitting = np.flatnonzero(may_lie(partners, body, policy))
        if len(fitting):
            starts[2 * number + 1] = partners[fitting[0]]
    return starts


def _block(
    rng: np.random.Generator, shape_vox: Triple, body: Body, policy: ViewPolicy, spacing_mm: TripleMm, name: str
) -> Int64[np.ndarray, "views 3"]:
    middle = draw_starts(rng, shape_vox, body, policy.with_views(1), spacing_mm, name)[0]
    size_vox = np.array(policy.view_size)
    room = np.array(shape_vox) - size_vox
    step = np.minimum(size_vox, room)  # as far apart as views are long, or as the scan allows
    corner = np.clip(middle - step // 2, 0, room - step)
    neighbours = corner + step * np.argwhere(np.ones(BLOCK, bool))
    return np.concatenate([np.clip(middle, corner, corner + step)[None], neighbours])
