"""Whether two scans are the same image or the same anatomy: registered rigidly, then compared by their detail."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from orienteer.screening.detail import Copy, at_step, detail
from orienteer.screening.shifts import Shift

LEVELS = (2, 1)
"""Steps of the small copy at which the registration is made, one after the other."""

EARLY = 0.5
"""Detail that agrees less than this at the coarser level is not looked at more finely."""

LEAST_VOXELS = 200
"""An overlap of fewer voxels says nothing."""

MARGIN_VOX = 2
"""Voxels at the border of the overlap that are not compared: there detail lacks one side."""


@dataclass(frozen=True)
class Likeness:
    """How alike two scans are once one is laid over the other.

    Attributes:
        detail: correlation of their detail in the overlap; 1 for the same image.
        coarse: correlation of their values in it.
        overlap: share of the smaller one that lies in the other.
        moved_mm: length of the shift.
        turned_deg: angle of the rotation.
        voxels: voxels of the overlap, at the step of the small copies.
    """

    detail: float
    coarse: float
    overlap: float
    moved_mm: float
    turned_deg: float
    voxels: int = 1_000_000


def confirm(first: Copy, second: Copy, shift: Shift) -> Likeness:
    """Returns how alike two scans are after a rigid registration.

    Args:
        first: a small copy.
        second: another one.
        shift: where to begin.
    """
    step = max(first[1].step_mm, second[1].step_mm)
    transform = sitk.Euler3DTransform()
    size = np.array(first[1].voxels.shape) * first[1].step_mm
    transform.SetCenter((size / 2).tolist())
    transform.SetTranslation(shift.shift_mm)
    for level in LEVELS:
        fixed, moving = (_image(at_step(copy, step * level), step * level, copy[1].step_mm) for copy in (first, second))
        transform = _registered(fixed, moving, transform, step * level)
        likeness = _likeness(fixed, moving, transform)
        if likeness.detail < EARLY:  # different people: finer steps would not bring them together
            break
    return likeness


def _likeness(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Euler3DTransform) -> Likeness:
    values, inside = _resampled(fixed, moving, transform)
    still = sitk.GetArrayFromImage(fixed)
    inside = _without_border(inside)
    if inside.sum() < LEAST_VOXELS:
        return Likeness(0.0, 0.0, 0.0, 0.0, 0.0)
    angles = np.degrees([transform.GetAngleX(), transform.GetAngleY(), transform.GetAngleZ()])
    smaller = min(still.size, np.prod(moving.GetSize()))
    return Likeness(
        detail=_correlation(detail(still)[inside], detail(values)[inside]),
        coarse=_correlation(still[inside], values[inside]),
        overlap=float(inside.sum() / smaller),
        moved_mm=float(np.linalg.norm(transform.GetTranslation())),
        turned_deg=float(np.linalg.norm(angles)),
        voxels=int(inside.sum()),
    )


def _image(voxels: np.ndarray, step_mm: float, own_step_mm: float) -> sitk.Image:
    """Returns a copy as an image whose first voxel's corner lies at 0."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    image.SetSpacing((step_mm,) * 3)
    image.SetOrigin(((step_mm - own_step_mm) / 2,) * 3)
    return image


def _registered(
    fixed: sitk.Image, moving: sitk.Image, start: sitk.Euler3DTransform, step_mm: float
) -> sitk.Euler3DTransform:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.3 if step_mm > 2 else 0.15)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step_mm, minStep=0.02 * step_mm, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetNumberOfThreads(1)
    transform = sitk.Euler3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # no overlap left: where it began is as good as any
        return start
    return transform


def _resampled(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> tuple[np.ndarray, np.ndarray]:
    ones = sitk.Image(moving.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(moving)
    inside = sitk.GetArrayFromImage(sitk.Resample(ones, fixed, transform, sitk.sitkNearestNeighbor, 0)) > 0
    # Outside the moving scan the fixed one goes on, so that its border makes no detail.
    values = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))
    return np.where(inside, values, sitk.GetArrayFromImage(fixed)), inside


def _without_border(inside: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_erosion

    eroded: np.ndarray = binary_erosion(inside, iterations=MARGIN_VOX, border_value=0)
    return eroded if eroded.sum() >= LEAST_VOXELS else inside


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first - first.mean(), second - second.mean()
    product = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / product) if product > 0 else 0.0
