"""Whether two scans are the same image or the same anatomy: registered rigidly, then compared by their detail."""

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from jaxtyping import Bool, Float32
from scipy.ndimage import binary_erosion

from orienteer.scans.refuse import quiet_itk
from orienteer.screening.detail import Copy, at_step, detail
from orienteer.screening.evened import evened, in_both
from orienteer.screening.shifts import Shift
from orienteer.screening.thresholds import THRESHOLDS

LEVELS = (2, 1)
"""Steps of the small copy at which the registration is made, one after the other."""

MOST_SAMPLES, MOST_SHARE = 20_000, 0.3
"""Voxels that the metric of the registration is computed from, and the largest share of all: six numbers need no more."""

SEED = 1
"""Of the samples of ITK, which by default takes the clock: borderline pairs would differ from run to run."""

LEAST_VOXELS = 200
"""An overlap of fewer voxels says nothing."""

MARGIN_VOX = 2
"""Voxels at the border of the overlap that are not compared: there detail lacks one side."""

Volume = Float32[np.ndarray, "size0 size1 size2"]
Mask = Bool[np.ndarray, "size0 size1 size2"]


@dataclass(frozen=True)
class Likeness:
    """How alike two scans are once one is laid over the other.

    Attributes:
        detail: correlation of their detail where both show a body; 1 for the same image.
        overlap: share of the smaller one that lies in the other.
        moved_mm: length of the shift.
        turned_deg: angle of the rotation.
        finely: whether they were compared at the last level; different people are not.
    """

    detail: float
    overlap: float
    moved_mm: float
    turned_deg: float
    finely: bool = True


def confirm(
    first: Copy, second: Copy, shift: Shift, early: float = THRESHOLDS.early, levels: tuple[int, ...] = LEVELS
) -> Likeness:
    """Returns how alike two scans are after a rigid registration.

    Args:
        first: a small copy.
        second: another one.
        shift: where to begin.
        early: pairs whose detail agrees less at a level are different people: finer steps would not bring them together.
        levels: steps of the small copies, one after the other.
    """
    step = max(first[1].step_mm, second[1].step_mm)
    transform = sitk.Euler3DTransform()
    transform.SetCenter([length / 2 for length in first[1].size_mm])
    transform.SetTranslation(shift.shift_mm)
    for level in levels:
        fixed, moving = (_image(at_step(copy, step * level), step * level, copy[1].step_mm) for copy in (first, second))
        transform = _registered(fixed, moving, transform)
        likeness = _likeness(fixed, moving, transform)
        if level != levels[-1] and likeness.detail < early:
            return replace(likeness, finely=False)
    return likeness


def _likeness(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Euler3DTransform) -> Likeness:
    values, inside = _resampled(fixed, moving, transform)
    still = sitk.GetArrayFromImage(fixed)
    if inside.sum() < LEAST_VOXELS:
        return Likeness(0.0, 0.0, 0.0, 0.0)
    box = _around(inside)
    compared = in_both(still[box], values[box]) & _without_border(inside[box])
    if compared.sum() < LEAST_VOXELS:
        return Likeness(0.0, 0.0, 0.0, 0.0)
    one, other = (detail(evened(voxels[box], compared))[compared] for voxels in (still, values))
    angles = np.degrees([transform.GetAngleX(), transform.GetAngleY(), transform.GetAngleZ()])
    return Likeness(
        detail=_correlation(one, other),
        overlap=float(inside.sum() / min(still.size, moving.GetNumberOfPixels())),
        moved_mm=float(np.linalg.norm(transform.GetTranslation())),
        turned_deg=float(np.linalg.norm(angles)),
    )


def _image(voxels: Volume, step_mm: float, own_step_mm: float) -> sitk.Image:
    """Returns a copy as an image whose first voxel's corner lies at 0."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    image.SetSpacing((step_mm,) * 3)
    image.SetOrigin(((step_mm - own_step_mm) / 2,) * 3)
    return image


def _registered(fixed: sitk.Image, moving: sitk.Image, start: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    step_mm = fixed.GetSpacing()[0]
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    share = min(MOST_SHARE, MOST_SAMPLES / fixed.GetNumberOfPixels())
    method.SetMetricSamplingPercentage(share, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step_mm, minStep=0.02 * step_mm, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetNumberOfThreads(1)
    transform = sitk.Euler3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        with quiet_itk():  # it prints a paragraph for every pair that loses its overlap
            method.Execute(fixed, moving)
    except RuntimeError:  # no overlap left: where it began is as good as any
        return start
    return transform


def _resampled(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> tuple[Volume, Mask]:
    ones = sitk.Image(moving.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(moving)
    inside = sitk.GetArrayFromImage(sitk.Resample(ones, fixed, transform, sitk.sitkNearestNeighbor, 0)) > 0
    # Outside the moving scan the fixed one goes on, so that its border makes no detail.
    values = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
    return np.where(inside, values, sitk.GetArrayFromImage(fixed)), inside


def _around(inside: Mask) -> tuple[slice, ...]:
    """Returns the box of the overlap: what lies outside is not compared."""
    sides = [inside.any(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    ranges = [np.flatnonzero(side) for side in sides]
    return tuple(slice(int(at[0]), int(at[-1]) + 1) for at in ranges)


def _without_border(inside: Mask) -> Mask:
    eroded: np.ndarray = binary_erosion(inside, iterations=MARGIN_VOX, border_value=0)
    return eroded if eroded.sum() >= LEAST_VOXELS else inside


def _correlation(first: Float32[np.ndarray, " voxels"], second: Float32[np.ndarray, " voxels"]) -> float:
    one, other = first - first.mean(), second - second.mean()
    product = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / product) if product > 0 else 0.0
