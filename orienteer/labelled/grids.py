"""Grids of voxels: of a file, of a scan, of a prepared scan, and whether two of them are the same."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float64

from orienteer.scans.orient import LPS_TO_RAS
from orienteer.scans.read import file_grid
from orienteer.scans.source import ScanSource
from orienteer.types import Triple, TripleMm

SAME_PLACE = 0.1
"""Share of a voxel by which the corners of an image and of its labels may differ. Headers written by different programs
differ by rounding; a label map of another image is off by whole voxels."""


@dataclass(frozen=True)
class Geometry:
    """A grid of voxels as SimpleITK describes it: mm towards left, back and head (LPS).

    Attributes:
        size: voxels along the file's axes.
        spacing_mm: distance between voxel centres.
        origin_lps_mm: centre of voxel 0.
        direction_lps: column a of this 3 x 3 matrix, written row by row, is the direction of the file's axis a.
    """

    size: Triple
    spacing_mm: TripleMm
    origin_lps_mm: TripleMm
    direction_lps: tuple[float, ...]

    def corners_mm(self) -> Float64[np.ndarray, "8 3"]:
        """Returns the centres of the eight corner voxels, LPS."""
        steps = np.array(self.direction_lps).reshape(3, 3) * np.array(self.spacing_mm)
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(self.size) - 1)
        corners_mm: Float64[np.ndarray, "8 3"] = np.array(self.origin_lps_mm) + corners @ steps.T
        return corners_mm

    def image(self, values: np.ndarray) -> sitk.Image:
        """Returns values in file order, ``(file2, file1, file0)``, as an image on this grid."""
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin_lps_mm)
        image.SetDirection(self.direction_lps)
        return image


def grid_geometry(shape_vox: Triple, spacing_mm: TripleMm, origin_mm: TripleMm) -> Geometry:
    """Returns a prepared scan's grid, whose axes are those of the body frame (RAS).

    Example:
        >>> grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0)).origin_lps_mm
        (-10.0, -20.0, 30.0)
    """
    right, front, head = origin_mm
    return Geometry(shape_vox, spacing_mm, (-right, -front, head), tuple(LPS_TO_RAS.reshape(-1).tolist()))


def file_geometry(image: sitk.Image) -> Geometry:
    """Returns the grid of an image; of four axes the first three."""
    return _geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def source_geometry(source: ScanSource) -> Geometry:
    """Returns the grid of a scan's own file or series. Reads headers only.

    Raises:
        ScanError: a header that cannot be read.
    """
    grid = file_grid(source)
    direction = tuple(np.asarray(grid.direction_lps).reshape(-1).tolist())
    return Geometry(grid.shape_vox, grid.spacing_mm, grid.origin_lps_mm, direction)


@dataclass(frozen=True)
class AxisOrder:
    """How the voxels of one file are put into the order of another one that holds the same places.

    Attributes:
        order: for each axis of the result, the axis of the file that it is.
        reversed: for each axis of the result, whether it runs the other way.
    """

    order: Triple
    reversed: tuple[bool, bool, bool]

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Returns values in file order, ``(file2, file1, file0)``, in the other order. No value is changed."""
        turned = values.transpose(*(2 - self.order[2 - axis] for axis in range(3)))
        return turned[tuple(slice(None, None, -1 if self.reversed[2 - axis] else 1) for axis in range(3))]

    def apply_to(self, grid: Geometry) -> Geometry:
        """Returns a grid with its axes in the other order; its voxels stay where they are."""
        directions = np.array(grid.direction_lps).reshape(3, 3)[:, list(self.order)]
        spacing_mm = [grid.spacing_mm[axis] for axis in self.order]
        size = [grid.size[axis] for axis in self.order]
        origin = np.array(grid.origin_lps_mm)
        for axis in range(3):
            if self.reversed[axis]:
                origin = origin + directions[:, axis] * spacing_mm[axis] * (size[axis] - 1)
                directions[:, axis] *= -1
        left, back, head = origin.tolist()
        return Geometry(
            (size[0], size[1], size[2]),
            (spacing_mm[0], spacing_mm[1], spacing_mm[2]),
            (left, back, head),
            tuple(directions.reshape(-1).tolist()),
        )


def axis_order(file: Geometry, wanted: Geometry) -> AxisOrder:
    """Returns the order of a file's axes in which they run as nearly as possible like those of another grid.

    Example:
        >>> grid = grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0))
        >>> axis_order(grid, grid)
        AxisOrder(order=(0, 1, 2), reversed=(False, False, False))
    """
    turn = np.array(wanted.direction_lps).reshape(3, 3).T @ np.array(file.direction_lps).reshape(3, 3)  # wanted file
    best = max(permutations(range(3)), key=lambda order: sum(abs(turn[axis, order[axis]]) for axis in range(3)))
    first, second, third = (bool(turn[axis, best[axis]] < 0) for axis in range(3))
    return AxisOrder((best[0], best[1], best[2]), (first, second, third))


def differs(labels: Geometry, image: Geometry) -> str | None:
    """Returns how the places of a label map differ from those of its image, in words; None if they do not.

    In which order the axes lie in the files does not matter.

    Example:
        >>> image = grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0))
        >>> differs(grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 25.0, 30.0)), image)
        'up to 5 mm away'
    """
    turned = axis_order(labels, image).apply_to(labels)
    if turned.size != image.size:
        return f"{_by(labels.size)} voxels where the image has {_by(image.size)}"
    apart = float(np.linalg.norm(turned.corners_mm() - image.corners_mm(), axis=1).max())
    if not apart <= SAME_PLACE * min(image.spacing_mm):
        return f"up to {apart:.3g} mm away"
    return None


def _geometry(
    size: tuple[int, ...], spacing: tuple[float, ...], origin: tuple[float, ...], direction: tuple[float, ...]
) -> Geometry:
    axes = len(size)
    direction_lps = tuple(np.reshape(direction, (axes, axes))[:3, :3].reshape(-1).tolist())
    size0, size1, size2 = size[:3]
    spacing0, spacing1, spacing2 = spacing[:3]
    left, back, head = origin[:3]
    return Geometry((size0, size1, size2), (spacing0, spacing1, spacing2), (left, back, head), direction_lps)


def _by(values: tuple[int, ...]) -> str:
    return " x ".join(str(value) for value in values)
