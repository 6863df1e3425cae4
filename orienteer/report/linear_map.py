"""The linear map from the gaps that a header states to the predicted gaps, and what it should be under each fault.

For a sound scan the map is near the identity. Ideally a mirrored axis appears as -1, swapped axes as a permutation, a wrong
spacing as a scale.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from orienteer.report.faults import FAULTS, SOUND, Fault
from orienteer.report.measurement import ScanMeasurement

Map = Float[np.ndarray, "3 3"]
"""From the header's gaps (columns) to the predicted gaps (rows)."""


def linear_map(
    true_mm: Float[np.ndarray, "pairs 3"], predicted_mm: Float[np.ndarray, "pairs 3"], rounds: int = 10
) -> Map:
    """Returns the matrix that maps the header's gaps to the predicted gaps, by robust least squares.

    Pairs with residuals above 1.345 times the usual one get less weight (Huber's weights), so that a few views without
    landmarks do not distort the map.

    Args:
        true_mm: gaps by the header.
        predicted_mm: the model's prediction for the same pairs.
        rounds: rounds of reweighting; fewer are done once the weights no longer change.

    Example:
        >>> gaps = np.random.default_rng(0).normal(size=(50, 3)) * 100
        >>> (linear_map(gaps, gaps * [-1, 1, 1]).round(6) + 0.0).tolist()
        [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    weight, fitted = np.ones(len(true_mm)), np.zeros((3, 3))
    for _ in range(rounds):
        root = np.sqrt(weight)[:, None]
        fitted = np.asarray(np.linalg.lstsq(true_mm * root, predicted_mm * root, rcond=None)[0]).T
        residual_mm = np.linalg.norm(predicted_mm - true_mm @ fitted.T, axis=1)
        usual_mm = max(1.4826 * float(np.median(residual_mm)), 1e-9)
        new_weight = np.minimum(1.0, 1.345 * usual_mm / np.maximum(residual_mm, 1e-9))
        if np.array_equal(new_weight, weight):
            break
        weight = new_weight
    return fitted


def linear_map_of(scan: ScanMeasurement) -> Map:
    """Returns a scan's linear map, the mean over the tasks that predict gaps."""
    maps = [linear_map(scan.true_mm, gaps) for gaps in scan.predicted_mm.values()]
    return np.asarray(np.mean(maps, axis=0))


def ideal_map(fault: Fault) -> Map:
    """Returns the map from the header's gaps to the true ones: the linear map of a perfect model.

    Example:
        >>> ideal_map(Fault(mirrored=(0,))).diagonal().tolist(), ideal_map(Fault(spacing_factor=2.0))[0, 0].item()
        ([-1.0, 1.0, 1.0], 0.5)
    """
    ideal: Map = fault.orientation.inverse.matrix / np.array(fault.factors)
    return ideal


def nearest_ideal(fitted: Map, usual: Map, faults: Sequence[Fault] = FAULTS) -> Fault:
    """Returns the fault whose ideal map is nearest to a scan's map, relative to the usual map of sound scans."""
    distance = {fault: float(np.linalg.norm(fitted - usual @ ideal_map(fault))) for fault in (SOUND, *faults)}
    return min(distance, key=lambda fault: distance[fault])
