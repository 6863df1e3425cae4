"""CT or MR, guessed from the values where the file does not name it, and whether the values of a CT are HU."""

import numpy as np
from jaxtyping import Float32

from orienteer.scans.refuse import refuse

AIR_HU = -500
"""In a CT only air, lungs and padding lie below. MR values start at about zero."""

FAT_HU = -30
"""In a CT fat and air lie below. Filters may give an MR a few values below zero, but rarely so many."""

PADDING_HU = -1500
"""Below lies only what fills the corners outside the scanned field."""

HIGHEST_HU = 32_767
"""No scanner stores more, not even for metal. Negative values that are read as unsigned do."""

OFFSET_TISSUE = (850, 1250)
"""Where soft tissue lies as scanners store it: HU plus 1000 or 1024."""

LEAST_SPAN_HU = 50
"""Even soft tissue and fat alone lie further apart."""

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


def check_hounsfield(name: str, voxels: Float32[np.ndarray, "size0 size1 size2"], modality: str) -> tuple[str, ...]:
    """Refuses a CT whose values cannot be HU, and returns what is odd about one whose values may be.

    Nearly all of a CT is air (-1000 HU), fat (-100) or soft tissue (0 to 100). With the offset of 1024 that scanners store
    still in the values, air is at 0 and all tissue between 900 and 1200, where HU know only dense bone.

    Args:
        name: of the scan.
        voxels: its values.
        modality: other modalities than CT have no HU, and nothing is checked.

    Raises:
        ScanError: the offset is still in the values, or they span far less than any tissues do.

    Example:
        >>> body = np.full((9, 9, 9), -1000, dtype=np.float32)
        >>> body[2:7, 2:7, 2:7] = 40
        >>> check_hounsfield("a.nii", body, "CT")
        ()
        >>> check_hounsfield("a.nii", body + 1024, "CT")
        Traceback (most recent call last):
        orienteer.errors.ScanError: a.nii: wanted HU, with air at -1000, got values from 24, most of the tissue near 1064: \
HU plus an offset of about 1024. Do this: subtract the offset from the values (RescaleIntercept in DICOM), or use \
--modality MR.
    """
    if modality != "CT":
        return ()
    sample = voxels.reshape(-1)[:: max(1, voxels.size // MOST_SAMPLES)]
    sample = sample[sample > PADDING_HU]
    if sample.size == 0:
        return ()
    low, high = float(sample.min()), float(voxels.max())
    if high > HIGHEST_HU:
        got, do = (
            f"values up to {high:g}",
            "check whether negative values or padding were read as unsigned, or use --modality MR",
        )
        refuse(name, f"HU, at most {HIGHEST_HU}", got, do)
    tissue = sample[sample > 150]
    shifted = (
        tissue.size >= 0.05 * sample.size and np.mean((tissue > OFFSET_TISSUE[0]) & (tissue < OFFSET_TISSUE[1])) > 0.5
    )
    if low > -150 and shifted:
        got = f"values from {low:g}, most of the tissue near {np.median(tissue):.0f}: HU plus an offset of about 1024"
        do = "subtract the offset from the values (RescaleIntercept in DICOM), or use --modality MR"
        refuse(name, "HU, with air at -1000", got, do)
    if high - low < LEAST_SPAN_HU and high > AIR_HU:  # air alone is named when the body is looked for
        do = "give it in HU, or use --modality MR"
        refuse(name, "HU, with air at -1000", f"values from {low:g} to {high:g}", do)
    return () if low < 0 else (f"a CT without a value below 0 (from {low:g} to {high:g}): are these HU?",)
