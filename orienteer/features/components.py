"""Principal components of rows of numbers."""

import numpy as np
from jaxtyping import Bool, Float64


def principal_components(
    values: Float64[np.ndarray, "rows columns"], count: int, fit: Bool[np.ndarray, " rows"] | None = None
) -> tuple[Float64[np.ndarray, "rows count"], Float64[np.ndarray, " count"]]:
    """Returns the coordinates of the rows on their first principal components, and each component's share of the variance.

    The sign of a component is chosen so that its largest weight is positive: the same rows give the same picture.
    Components beyond the number of rows or columns are zero.

    Args:
        fit: the rows that the components are computed from; by default all.

    Example:
        >>> places, shares = principal_components(np.array([[0.0, 0, 1], [2, 0, 1], [4, 0, 1]]), 2)
        >>> np.round(places[:, 0], 6).tolist(), np.round(shares, 6).tolist()
        ([-2.0, 0.0, 2.0], [1.0, 0.0])
    """
    chosen = values if fit is None else values[fit]
    mean = chosen.mean(0)
    _, lengths, rows = np.linalg.svd(chosen - mean, full_matrices=False)
    weights = rows[:count] * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])[:count, None]
    missing = count - len(weights)
    places = np.pad((values - mean) @ weights.T, ((0, 0), (0, missing)))
    total = float((lengths**2).sum())
    return places, np.pad(lengths[:count] ** 2 / total if total > 0 else np.zeros(len(weights)), (0, missing))
