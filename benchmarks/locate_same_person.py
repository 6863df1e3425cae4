"""The same person scanned again: how near a map comes to rigid registration of the two scans, at any place of the brain.

Nothing but the head's position differs between two scans of one person that were made within weeks, so that a rigid
registration at full resolution is the truth: SimpleITK, correlation of intensities, three resolutions down to every voxel. Its
own error is of the order of a tenth of a voxel, and its residual is given by registering in both directions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float64

from benchmarks.locate_baselines import Measured, same_coordinates
from benchmarks.space_data import SAME_PERSON
from orienteer.locating.doubt import estimate
from orienteer.locating.mapping import find_map
from orienteer.locating.places import flipped

Points = Float64[np.ndarray, "points 3"]

EVERY_MM = 8.0
"""Distance of the places of the lattice."""

SHARE = 0.2
"""Of the voxels, drawn at each resolution."""


def same_person(scans: Sequence[Measured]) -> dict[str, Any] | None:
    """Returns errors over both directions of all pairs of scans of one person; None where there is no such pair."""
    by_name = {scan.name: scan for scan in scans}
    pairs = [(by_name[first], scan) for scan in scans if (first := SAME_PERSON.get(scan.name)) in by_name]
    errors, bars, residuals, unmoved = [], [], [], []
    for one, other in pairs:
        there, back = rigid(one, other), rigid(other, one)
        for template, scan, truth, inverse in ((one, other, there, back), (other, one, back, there)):
            points = lattice(template)
            goal = transformed(truth, points)
            estimates = estimate(find_map(template.field, scan.field), points)
            errors += [float(np.linalg.norm(each.point_mm - true)) for each, true in zip(estimates, goal, strict=True)]
            unmoved += np.linalg.norm(same_coordinates(template, scan, points) - goal, axis=1).tolist()
            bars += [each.error_bar_mm for each in estimates]
            residuals += np.linalg.norm(transformed(inverse, goal) - points, axis=1).tolist()
    if not errors:
        return None
    return {
        "pairs": 2 * len(pairs),
        "places": len(errors),
        "median_mm": round(float(np.median(errors)), 2),
        "mean_mm": round(float(np.mean(errors)), 2),
        "p90_mm": round(float(np.quantile(errors, 0.9)), 2),
        "coverage90": round(float(np.mean(np.array(errors) <= np.array(bars))), 3),
        "same_coordinates_mm": round(float(np.mean(unmoved)), 2),
        "truth_there_and_back_mm": round(float(np.mean(residuals)), 3),
    }


def lattice(scan: Measured) -> Points:
    """Returns places of the scan, evenly spaced, where its voxels are brighter than the air around a stripped brain."""
    image = sitk.ReadImage(str(scan.path), sitk.sitkFloat32)
    low, high = scan.field.box
    axes = [np.arange(a + EVERY_MM / 2, b, EVERY_MM) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.array([_value(image, point) for point in flipped(points)])
    inside: Points = points[values > 0]
    return inside


def rigid(template: Measured, scan: Measured) -> sitk.Transform:
    """Returns the rigid registration of two scans, from points of the template to points of the scan, in LPS."""
    fixed, moving = (sitk.ReadImage(str(each.path), sitk.sitkFloat32) for each in (template, scan))
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SHARE, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    method.SetNumberOfThreads(1)
    transform: sitk.Transform = method.Execute(fixed, moving)
    return transform


def transformed(transform: sitk.Transform, points_mm: Points) -> Points:
    """Returns points of the body frame under a transform in LPS."""
    return flipped(np.array([transform.TransformPoint(point.tolist()) for point in flipped(points_mm)]))


def _value(image: sitk.Image, point_mm: Float64[np.ndarray, "3"]) -> float:
    """Returns the voxel at a point in LPS; 0 outside the image."""
    at = image.TransformPhysicalPointToIndex(point_mm.tolist())
    inside = all(0 <= index < size for index, size in zip(at, image.GetSize(), strict=True))
    return float(image.GetPixel(at)) if inside else 0.0
