"""Places marked in a scan: points and boxes, in mm in the body frame, which is the frame that the scan's own header states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from orienteer.errors import InputError
from orienteer.labelled.grids import Geometry
from orienteer.scans.orient import LPS_TO_RAS
from orienteer.text import printable
from orienteer.types import TripleMm

FARTHEST_MM = 1e5
"""A place further away from the origin than this is a damaged file, as for scans."""


@dataclass(frozen=True)
class Place:
    """A marked point.

    Attributes:
        name: what the user calls it.
        point_mm: in the body frame: mm towards right, front, head.
    """

    name: str
    point_mm: TripleMm


@dataclass(frozen=True)
class Region:
    """A marked box, or the extent of a label.

    Attributes:
        name: what the user calls it.
        outline_mm: points of its outline in the body frame, from which the box in another scan is made: the outermost
            voxels of a label and a sample of the others, or points on the faces of a box.
    """

    name: str
    outline_mm: Float64[np.ndarray, "points 3"]

    @property
    def box_mm(self) -> Float64[np.ndarray, "2 3"]:
        """The low and the high corner."""
        return np.stack([self.outline_mm.min(0), self.outline_mm.max(0)])


@dataclass(frozen=True)
class Marks:
    """All that is marked in a scan."""

    places: tuple[Place, ...]
    regions: tuple[Region, ...] = ()

    @property
    def points_mm(self) -> Float64[np.ndarray, "places 3"]:
        """The points, in the order of the places."""
        return np.array([place.point_mm for place in self.places], np.float64).reshape(-1, 3)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the places."""
        return tuple(place.name for place in self.places)


def flipped(points_mm: Float[np.ndarray, "*points 3"]) -> Float64[np.ndarray, "*points 3"]:
    """Returns points of the body frame (RAS) in the frame of ITK and DICOM (LPS), or the other way: it is the same step.

    Example:
        >>> flipped(np.array([10.0, 20.0, 30.0])).tolist()
        [-10.0, -20.0, 30.0]
    """
    turned: Float64[np.ndarray, "*points 3"] = np.asarray(points_mm, np.float64) * np.diag(LPS_TO_RAS)
    return turned


def to_voxels(points_mm: Float64[np.ndarray, "*points 3"], grid: Geometry) -> Float64[np.ndarray, "*points 3"]:
    """Returns points of the body frame as continuous voxels of a file, in the order of the file's own axes.

    Example:
        >>> from orienteer.labelled.grids import grid_geometry
        >>> grid = grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0))
        >>> to_voxels(np.array([12.0, 21.0, 34.0]), grid).tolist()
        [2.0, 1.0, 2.0]
    """
    steps = np.array(grid.direction_lps).reshape(3, 3) * np.array(grid.spacing_mm)
    away = flipped(points_mm) - np.array(grid.origin_lps_mm)
    voxels: Float64[np.ndarray, "*points 3"] = away @ np.linalg.inv(steps).T
    return voxels


def from_voxels(points_vox: Float[np.ndarray, "*points 3"], grid: Geometry) -> Float64[np.ndarray, "*points 3"]:
    """Returns the body-frame positions of points given in voxels of a file; the inverse of `to_voxels`."""
    steps = np.array(grid.direction_lps).reshape(3, 3) * np.array(grid.spacing_mm)
    return flipped(np.asarray(points_vox, np.float64) @ steps.T + np.array(grid.origin_lps_mm))


def beyond_mm(points_mm: Float64[np.ndarray, "*points 3"], grid: Geometry) -> Float64[np.ndarray, " *points"]:
    """Returns how far points lie outside a scan's field of view, mm; 0 for those inside.

    Example:
        >>> from orienteer.labelled.grids import grid_geometry
        >>> grid = grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0))
        >>> beyond_mm(np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 21.0]]), grid).tolist()
        [0.0, 10.0]
    """
    voxels = to_voxels(points_mm, grid)
    outside = np.maximum(np.maximum(-0.5 - voxels, voxels - (np.array(grid.size) - 0.5)), 0)
    away: Float64[np.ndarray, " *points"] = np.linalg.norm(outside * np.array(grid.spacing_mm), axis=-1)
    return away


def checked_places(file: str, names: Sequence[str], points_mm: Float64[np.ndarray, "places 3"]) -> tuple[Place, ...]:
    """Returns places with names that are each another: a number tells apart those that are not, or that are empty.

    Raises:
        InputError: no places, or positions that are no numbers of a scan's size.

    Example:
        >>> [place.name for place in checked_places("a.csv", ["x", "x", ""], np.zeros((3, 3)))]
        ['x', 'x 2', 'place 3']
    """
    if len(names) == 0:
        raise InputError(file, wanted="at least one place", got="none", do="mark a place and save the file again")
    for name, point in zip(names, points_mm, strict=True):
        if not (np.isfinite(point).all() and np.abs(point).max() <= FARTHEST_MM):
            got = f"{printable(name)!r} at {', '.join(f'{value:g}' for value in point)}"
            raise InputError(file, wanted="positions in mm, within 100 m", got=got, do="correct the position")
    return tuple(
        Place(name, (float(point[0]), float(point[1]), float(point[2])))
        for name, point in zip(unique_names(names), points_mm, strict=True)
    )


def unique_names(names: Sequence[str]) -> list[str]:
    """Returns names that are each another; the first of several that are the same keeps its name."""
    taken = {name for name in names if name}
    unique: list[str] = []
    for number, name in enumerate(names, start=1):
        candidate, count = name or f"place {number}", 1
        while candidate in unique or (count > 1 and candidate in taken):
            count += 1
            candidate = f"{name or 'place'} {count}"
        unique.append(candidate)
    return unique
