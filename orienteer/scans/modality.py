"""CT or MR, guessed from the values where the file does not name it."""

import numpy as np
from jaxtyping import Float32

AIR_HU = -500
"""In a CT only air, lungs and padding lie below. MR values start at about zero."""

FAT_HU = -30
"""In a CT fat and air lie below. Filters may give an MR a few values below zero, but rarely so many."""

MOST_SAMPLES = 500_000
"""Voxels that are sampled, which estimates a share of one per cent to a few hundredths of a per cent."""


def guess_modality(voxels: Float32[np.ndarray, "size0 size1 size2"]) -> str:
    """Returns ``CT`` if the values look like HU, else ``MR``.

    A scan counts as CT if it shows air (at least 0.5 % of the voxels below -500), or, for a crop without air, if it shows
    fat (at least 3 % below -30), its values reach bone or contrast medium (99.9 % quantile above 100), and all are whole
    numbers, as scanners store HU. A standardised MR has many values below zero but no such range.

    Example:
        >>> guess_modality(np.linspace(-1000, 1500, 1000, dtype=np.float32).reshape(10, 10, 10))
        'CT'
        >>> guess_modality(np.linspace(0, 900, 1000, dtype=np.float32).reshape(10, 10, 10))
        'MR'
    """
    sample = voxels.reshape(-1)[:: max(1, voxels.size // MOST_SAMPLES)]
    if np.mean(sample <= AIR_HU) >= 0.005:
        return "CT"
    fat = np.mean(sample <= FAT_HU) >= 0.03
    whole = bool(np.all(sample == np.rint(sample)))
    return "CT" if fat and whole and np.quantile(sample, 0.999) > 100 else "MR"
