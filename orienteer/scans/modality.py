"""CT or MR: what the file says, else a guess from the values."""

import numpy as np
from jaxtyping import Float32

AIR_HU = -500
"""Below this only air, lungs and padding lie in a CT. MR values are counted from about zero."""

FAT_HU = -30
"""Below this CT shows fat as well as air. An MR may have a few values under zero from filters, hardly ever so many."""

MOST_SAMPLES = 500_000
"""How many voxels are looked at: shares of a per cent are then sure to a few hundredths."""


def guess_modality(voxels: Float32[np.ndarray, "size0 size1 size2"]) -> str:
    """Returns ``CT`` if the values look like HU, else ``MR``.

    A scan counts as CT if air shows (at least 0.5 % of the voxels under -500), or, for a crop without air, if fat does
    (at least 3 % under -30) while the values reach bone or contrast (99.9 % quantile over 100) and are whole numbers,
    as scanners store HU. A standardised MR has many values under zero but no such span.

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
