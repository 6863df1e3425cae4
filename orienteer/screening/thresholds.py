"""From which value on each rule speaks. `python -m benchmarks.audit_calibration` derives the limits of the rules.

The scans of the calibration are synthetic torsos, hippocampus crops, and parts of abdominal CT and of brain MR that the
benchmark of audit does not use. A limit lies between what their sound scans reach and what they reach with a fault planted:
at the geometric mean of the two, where they are apart; correlations at their middle. `promising` and `early` only save work,
and lie well below what copies reach.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Limits of the rules."""

    shift_gain: float = 0.2207
    """Share of voxels by which values look more like HU with an offset removed."""
    like_hu: float = 0.8976
    """Share of voxels that look like HU with the offset removed."""
    peak: float = 0.2975
    """See `ValueFacts.peak`."""
    baked_at_ends: float = 0.001073
    """Share of voxels at the highest of 256 grey values of a CT that went through a display window."""
    at_highest: float = 0.001422
    """Share of voxels with the largest value."""
    empty_slices: float = 0.2978
    """Share of slices that are constant."""
    disorder: float = 0.1846
    """See `SliceFacts.disorder`."""
    smoothness: float = 0.456
    """Correlation of neighbouring slices, below which a scan is noise."""
    ripple: float = 0.2244
    """See `SliceFacts.ripple`."""
    burned: float = 11.66
    """Constant bright columns across slices."""
    odd_voxel_size: float = 3.723
    """Robust standard deviations from the median of a collection, of the log of a voxel size."""
    odd_extent: float = 4.742
    """The same of the extent of a body."""

    promising: float = 0.3617
    """Agreement of the detail of two scans at a coarse step, from which on they are registered."""
    same_anatomy: float = 0.7891
    """Correlation of the detail of two registered scans of one person, or of one image."""
    early: float = 0.8194
    """The same at twice the step: pairs below are not compared more finely."""
    turned_deg: float = 0.3965
    """Copies of one image are not turned against each other; a person who is scanned again lies otherwise."""
    outlier: float = 1.505
    """How many times further than usual a scan is from its neighbours."""


THRESHOLDS = Thresholds()
