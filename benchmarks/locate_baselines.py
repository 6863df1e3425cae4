"""What a user would do instead of `orienteer locate`: baselines without a network, and registration by SimpleITK.

Each takes a template and a scan, and returns where it finds places of the template, mm in the body frame.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float64
from scipy.spatial import cKDTree

from orienteer.locating.fields import ScanField
from orienteer.locating.matching import side_by_side
from orienteer.locating.places import flipped

Points = Float64[np.ndarray, "points 3"]

PATCH_MM = 12.0
"""Distance of the samples of a raw patch, five along an edge."""


@dataclass(frozen=True)
class Measured:
    """A scan that is measured on.

    Attributes:
        name: of its file.
        path: its file.
        field: by the run.
        marks_mm: its landmarks by label value.
        feature_seconds: processor time of its field.
    """

    name: str
    path: Path
    field: ScanField
    marks_mm: dict[int, Float64[np.ndarray, "3"]]
    feature_seconds: float


def same_coordinates(template: Measured, scan: Measured, points_mm: Points) -> Points:
    """Returns the places at the same distance from the centre of the body's box."""
    centres = [(each.field.box.low_mm + each.field.box.high_mm) / 2 for each in (template, scan)]
    moved: Points = points_mm - centres[0] + centres[1]
    return moved


def nearest_feature(template: Measured, scan: Measured, points_mm: Points) -> Points:
    """Returns the places of the scan's lattice with the most similar features, all levels side by side."""
    first, second = side_by_side(template.field.features, scan.field.features, template.field.channels)
    rows = cKDTree(template.field.lattice.places_mm).query(points_mm)[1]
    matched: Points = scan.field.lattice.places_mm[(first[rows] @ second.T).argmax(1)]
    return matched


def raw_patch(template: Measured, scan: Measured, points_mm: Points) -> Points:
    """Returns the places of the scan's lattice whose patch of intensities correlates best."""
    steps = np.arange(-2, 3) * PATCH_MM
    around = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)

    def patches(measured: Measured, places: Points) -> np.ndarray:
        volume = measured.field.greys[-1]
        values = volume.values((places[:, None] + around).reshape(-1, 3))[:, -1].reshape(len(places), -1)
        values = values - values.mean(1, keepdims=True)
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)

    places = scan.field.lattice.places_mm
    matched: Points = places[(patches(template, points_mm) @ patches(scan, places).T).argmax(1)]
    return matched


def registered(template: Measured, scan: Measured, points_mm: Points, bends: bool) -> Points:
    """Returns the places by SimpleITK's affine registration, and by B-splines after it; template fixed, scan moving."""
    fixed, moving = (_image(each.path) for each in (template, scan))
    first = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.AffineTransform(3), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = _method()
    method.SetInitialTransform(first, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    transform = sitk.CompositeTransform([method.Execute(fixed, moving)])
    if bends:
        method = _method()
        method.SetMovingInitialTransform(transform)
        spline = sitk.BSplineTransformInitializer(fixed, [6, 6, 6])
        method.SetInitialTransform(spline, inPlace=True)
        method.SetOptimizerAsLBFGSB(1e-5, 30, 5, 500, 1e7)
        method.Execute(fixed, moving)
        transform.AddTransform(spline)
    return flipped(np.array([transform.TransformPoint(point.tolist()) for point in flipped(points_mm)]))


def _method() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2, 1])
    method.SetNumberOfThreads(1)
    return method


def _image(path: Path) -> sitk.Image:
    return sitk.ReadImage(str(path), sitk.sitkFloat32)
