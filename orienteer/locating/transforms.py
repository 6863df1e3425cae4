"""The map between two scans as an ITK transform, for SimpleITK, 3D Slicer, ANTs and other programs.

ITK counts mm towards left and back (LPS). The transform takes points of the template to the scan: that of a registration
with the template as fixed image and the scan as moving one. ``SimpleITK.Resample(scan, template, transform)`` thus shows the
scan on the voxels of the template.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from orienteer.files import replacing
from orienteer.locating.bending import Bent
from orienteer.scans.orient import LPS_TO_RAS


def itk_transform(bent: Bent) -> sitk.Transform:
    """Returns a map as an ITK transform: a displacement by B-splines, then an affine map.

    Within the control points of the field, which cover the template, it is the same map to rounding.
    """
    flip = LPS_TO_RAS
    affine = sitk.AffineTransform(3)
    matrix = flip @ bent.affine.matrix @ flip
    affine.SetMatrix(matrix.reshape(-1).tolist())
    affine.SetTranslation((flip @ bent.affine.offset_mm).tolist())
    if bent.grid is None or bent.controls_mm is None:
        return affine
    composite = sitk.CompositeTransform(3)
    composite.AddTransform(affine)
    composite.AddTransform(_displacement(bent, np.linalg.inv(matrix) @ flip))  # added last, applied first
    return composite


def write_transform(path: Path, bent: Bent) -> None:
    """Writes a map as an ITK transform (.h5), whole or not at all."""
    with replacing(path, suffix=".h5") as temporary:
        sitk.WriteTransform(itk_transform(bent), str(temporary))


def _displacement(bent: Bent, turn: np.ndarray) -> sitk.BSplineTransform:
    """Returns the field as ITK's B-spline transform, on the same control points.

    Args:
        turn: from a displacement of the field to one that the affine map, which follows, turns into it.
    """
    grid, controls = bent.grid, bent.controls_mm
    assert grid is not None
    assert controls is not None
    cells = [count - 3 for count in grid.shape]
    transform = sitk.BSplineTransform(3, 3)
    transform.SetTransformDomainMeshSize(cells)
    # ITK's domain begins at the second control point and ends at the last but one.
    transform.SetTransformDomainOrigin((LPS_TO_RAS @ (grid.origin_mm + grid.step_mm)).tolist())
    transform.SetTransformDomainPhysicalDimensions([count * grid.step_mm for count in cells])
    transform.SetTransformDomainDirection(LPS_TO_RAS.reshape(-1).tolist())
    turned = (controls @ turn.T).reshape(*grid.shape, 3)
    # ITK's first axis varies fastest; first all displacements along x, then y, then z.
    transform.SetParameters(turned.transpose(3, 2, 1, 0).ravel().tolist())
    return transform
