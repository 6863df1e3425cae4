"""The intensity rule: maps the values of a scan to [-1, 1], and those to the integers of the store."""

import numpy as np
from jaxtyping import Bool, Float32, Int16

from orienteer.scans.refuse import refuse

STORED_SCALE = 1000.0
"""Stored integer = normalised value times this. One step is one HU with the default window of CT."""

MOST_SAMPLES = 2_000_000
"""Body voxels that are sorted for percentiles, for an error of a few hundredths of a per cent."""


def intensity_range(
    voxels: Float32[np.ndarray, "size0 size1 size2"],
    body: Bool[np.ndarray, "size0 size1 size2"],
    modality: str,
    ct_window_hu: tuple[float, float],
    mr_percentiles: tuple[float, float],
) -> tuple[float, float]:
    """Returns the values of a scan that become -1 and 1.

    CT is in HU, the same for all scanners, so its window is fixed. Other values have no unit: they are scaled by percentiles
    of the body voxels, so that neither the air around the body nor a few very bright vessels matter.

    Example:
        >>> voxels = np.linspace(0, 1000, 1000, dtype=np.float32).reshape(10, 10, 10)
        >>> body = voxels > 100
        >>> intensity_range(voxels, body, "CT", (-1000.0, 1000.0), (0.5, 99.5))
        (-1000.0, 1000.0)
        >>> [round(value) for value in intensity_range(voxels, body, "MR", (-1000.0, 1000.0), (0.0, 50.0))]
        [100, 550]
    """
    if modality == "CT":
        return float(ct_window_hu[0]), float(ct_window_hu[1])
    count = int(np.count_nonzero(body))
    values = voxels[body][:: max(1, count // MOST_SAMPLES)]
    low, high = np.percentile(values, mr_percentiles)
    return float(low), float(high)


def to_stored(
    voxels: Float32[np.ndarray, "size0 size1 size2"], low: float, high: float
) -> Int16[np.ndarray, "size0 size1 size2"]:
    """Returns the integers of the store: ``low`` becomes -1000, ``high`` 1000, and values beyond are clipped.

    Example:
        >>> to_stored(np.array([[[-3000.0, -1000.0, 40.0, 2000.0]]], dtype=np.float32), -1000.0, 1000.0)
        array([[[-1000, -1000,    40,  1000]]], dtype=int16)
    """
    stored = np.empty(voxels.shape, dtype=np.int16)
    scale = 2 * STORED_SCALE / (high - low)
    for index in range(
        voxels.shape[0]
    ):  # slice by slice: the whole scan in float64 would be the largest array in memory
        plane = (voxels[index].astype(np.float64) - low) * scale - STORED_SCALE
        np.rint(np.clip(plane, -STORED_SCALE, STORED_SCALE, out=plane), out=plane)
        stored[index] = plane
    return stored


def to_values(stored: Int16[np.ndarray, "size0 size1 size2"]) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns normalised values in [-1, 1] from the integers of the store.

    Example:
        >>> to_values(np.array([[[-1000, 0, 500]]], dtype=np.int16)).tolist()
        [[[-1.0, 0.0, 0.5]]]
    """
    values = stored.astype(np.float32)
    np.multiply(values, np.float32(1 / STORED_SCALE), out=values)
    return values


def check_range(name: str, low: float, high: float) -> None:
    """Refuses a scan whose body is constant.

    Raises:
        ScanError: with step ``normalise``.
    """
    if not high > low or not np.isfinite(high - low):
        do = "look at the scan in a viewer: it may be empty, a mask or a damaged file"
        refuse(name, "a body with different values", f"percentiles from {low:g} to {high:g}", do, step="normalise")


def check_contrast(name: str, stored: Int16[np.ndarray, "size0 size1 size2"]) -> None:
    """Refuses a scan that is constant after the intensity rule.

    Raises:
        ScanError: with step ``normalise``.
    """
    least, most = int(stored.min()), int(stored.max())
    if least == most:
        got = f"{least / STORED_SCALE:g} in every voxel"
        do = "look at the scan in a viewer, or check that its modality and the window for CT suit it"
        refuse(name, "different values after the intensity rule", got, do, step="normalise")
