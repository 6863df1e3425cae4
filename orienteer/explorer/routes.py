"""The route through points that predicted gaps lead along."""

import numpy as np
from jaxtyping import Float

from orienteer.explorer.answers import Route

CLOSED_MM = 1e-3
"""Routes of antisymmetric gaps that close better than this close by construction: the gaps are differences of positions."""


def predicted_route(
    centres_mm: Float[np.ndarray, "points 3"],
    gaps_mm: Float[np.ndarray, "points points 3"],
    bars_mm: Float[np.ndarray, "points points"] | None = None,
) -> Route:
    """Returns the route that predicted gaps lead along, from the first point to the last.

    Args:
        centres_mm: true centres of the views, in the order of the route.
        gaps_mm: predicted gaps from view i to view j.
        bars_mm: the error bar of each gap, if there are any.

    Example:
        >>> centres_mm = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
        >>> gaps_mm = np.zeros((2, 2, 3))
        >>> gaps_mm[0, 1, 0], gaps_mm[1, 0, 0] = 7.0, -9.0
        >>> route = predicted_route(centres_mm, gaps_mm)
        >>> route.end_miss_mm, route.closure_mm
        (3.0, 2.0)
    """
    order = np.arange(len(centres_mm))
    steps = gaps_mm[order[:-1], order[1:]]  # from each point to the next
    stops = centres_mm[0] + np.concatenate([np.zeros((1, 3)), steps.cumsum(axis=0)])
    closure_mm = float(np.linalg.norm(steps.sum(axis=0) + gaps_mm[-1, 0]))
    antisymmetric = np.abs(gaps_mm + gaps_mm.transpose(1, 0, 2)).max() < CLOSED_MM
    by_construction = antisymmetric and closure_mm < CLOSED_MM
    radii = None if bars_mm is None else np.sqrt(np.square(bars_mm[order[:-1], order[1:]]).cumsum())
    return Route(
        stops_mm=stops,
        end_miss_mm=float(np.linalg.norm(stops[-1] - centres_mm[-1])),
        closure_mm=None if by_construction else closure_mm,
        radii_mm=None if radii is None else (0.0, *(float(radius) for radius in radii)),
    )
