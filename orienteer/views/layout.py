"""Relative placement of the views of a set: anywhere, in overlapping pairs, or one among a block of neighbours.

Pairs and blocks are for tasks that compare two views of the same place. In every layout all views lie wholly inside the
scanned field; in a pair both contain enough body, in a block the one among the neighbours does.
"""

import numpy as np
from jaxtyping import Int64

from orienteer.settings import require
from orienteer.types import Triple
from orienteer.views.body import ViewSpace, enough_body
from orienteer.views.policy import ViewPolicy
from orienteer.views.sample import draw_starts

BLOCK = (2, 2, 2)
"""Neighbours per axis in layout ``block``."""

BLOCK_VIEWS = 1 + BLOCK[0] * BLOCK[1] * BLOCK[2]
"""Views in layout ``block``: one, and its neighbours."""

_PARTNERS = 64
"""Places tried for the partner of a view; if none is allowed, it gets the same place as the view."""

_FIRST_PARTNERS = 8
"""Of these places, those that are tried before all others."""


def draw_layout(
    rng: np.random.Generator, space: ViewSpace, policy: ViewPolicy, thorough: bool = True
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first voxels of one set of views, placed as the policy's layout requires.

    ``free``: as in `draw_starts`. ``pairs``: views 0 and 1, 2 and 3 ... overlap; the first of each pair is drawn freely.
    ``mixed``: views 0 and 1 overlap, and all others are drawn freely.
    ``block``: views 1 to 8 are neighbours, two per axis, next to each other where the scan is large enough and
    overlapping where it is not; view 0 lies anywhere within them.

    Args:
        rng: the draw depends on nothing else.
        space: the scan.
        policy: what is allowed; its ``view_size`` must be set.
        thorough: as in `draw_starts`.

    Raises:
        InputError: a number of views that does not fit the layout.
        ScanError: with step ``fit``, when the scan holds no such set.

    Example:
        >>> from types import SimpleNamespace
        >>> body = np.full((10, 8, 8), 255, np.uint8)
        >>> solid = SimpleNamespace(body=body, inside=body > 0, cell_vox=4)
        >>> policy = ViewPolicy(views=4, view_size=(16, 16, 16), layout="pairs", pair_shift=0.25)
        >>> starts = draw_layout(np.random.default_rng(0), ViewSpace((40, 32, 32), solid, (2.0, 2.0, 2.0)), policy)
        >>> int(np.abs(starts[1::2] - starts[::2]).max()) <= 4
        True
    """
    check_views(policy.views, policy.layout)

    def draw(views: int) -> Int64[np.ndarray, "_views 3"]:
        return draw_starts(rng, space, policy.with_views(views), thorough)

    if policy.layout in ("pairs", "mixed"):
        pairs = policy.views // 2 if policy.layout == "pairs" else 1
        return _with_partners(rng, draw(policy.views - pairs), pairs, space, policy)
    if policy.layout == "block":
        return _block(draw(1)[0], space.shape_vox, policy.size_vox)
    return draw(policy.views)


def check_views(views: int, layout: str | None) -> None:
    """Raises an InputError if the number of views does not fit the layout.

    Example:
        >>> check_views(4, "pairs")
    """
    even, block = views % 2 == 0, views == BLOCK_VIEWS
    require(layout != "mixed" or views >= 2, "views", "at least 2, for layout 'mixed'", views, "use 4")
    require(layout != "pairs" or even, "views", "an even number, for layout 'pairs'", views, f"use {views + 1}")
    require(layout != "block" or block, "views", f"{BLOCK_VIEWS}, for layout 'block'", views, f"use {BLOCK_VIEWS}")


def _with_partners(
    rng: np.random.Generator,
    firsts: Int64[np.ndarray, "firsts 3"],
    pairs: int,
    space: ViewSpace,
    policy: ViewPolicy,
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first views, each of the first ``pairs`` of them followed by one that overlaps it."""
    starts = np.concatenate([np.repeat(firsts[:pairs], 2, axis=0), firsts[pairs:]])
    size_vox = np.array(policy.size_vox)
    room, reach = np.array(space.shape_vox) - size_vox, np.floor(policy.pair_shift * size_vox).astype(np.int64)
    for number, first in enumerate(firsts[:pairs]):
        low, high = np.maximum(first - reach, 0), np.minimum(first + reach, room)
        partners = rng.integers(low, high, (_PARTNERS, 3), dtype=np.int64, endpoint=True)
        for part in np.split(partners, [_FIRST_PARTNERS]):  # one of the first few nearly always fits
            fitting = np.flatnonzero(enough_body(part, space, policy.size_vox, policy.min_body_sum))
            if len(fitting):
                starts[2 * number + 1] = part[fitting[0]]
                break
    return starts


def _block(first: Int64[np.ndarray, " 3"], shape_vox: Triple, view_vox: Triple) -> Int64[np.ndarray, "views 3"]:
    """Returns a view anywhere within its neighbours, and these."""
    size_vox = np.array(view_vox)
    room = np.array(shape_vox) - size_vox
    step = np.minimum(size_vox, room)  # as far apart as views are long, or as the scan allows
    corner = np.clip(first - step // 2, 0, room - step)
    neighbours = corner + step * np.argwhere(np.ones(BLOCK, bool))
    return np.concatenate([np.clip(first, corner, corner + step)[None], neighbours])
