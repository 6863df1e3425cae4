"""DICOM series of an asymmetric phantom in every orientation, and where its voxels lie, worked out from the definition."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.files import turned, write_dicom, write_enhanced

SHAPE = (7, 6, 5)
SPACING, ORIGIN = (0.9, 1.1, 2.5), (12.3, -45.6, 78.9)

ORIENTATIONS = {
    "axial": np.eye(3),
    "axial, feet first": turned((0, 0, 0), (0, 1, 2), (1, -1, -1)),
    "axial, mirrored rows": turned((0, 0, 0), (0, 1, 2), (-1, 1, -1)),
    "coronal": turned((0, 0, 0), (0, 2, 1), (1, -1, 1)),
    "sagittal": turned((0, 0, 0), (1, 2, 0), (1, -1, -1)),
    "oblique": turned((20, -10, 15)),
    "doubly oblique coronal": turned((25, 40, -30), (0, 2, 1), (1, -1, 1)),
}
"""Directions of columns, rows and slices, all right-handed: the order of slices follows from the rows and columns."""

IDENTIFIED = {"FrameOfReferenceUID": "1.2.3.9"}


def asymmetric_labels() -> np.ndarray:
    """Class numbers in file order (slices, rows, columns) that no turn or mirror maps onto themselves."""
    labels = np.zeros(SHAPE[::-1], np.uint8)
    labels[0, 0, 0:4] = 1
    labels[0, 1:3, 0] = 1
    labels[1:4, 0, 0] = 2
    labels[4, 5, 6] = 2
    return labels


def points_mm(mask: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Places of the voxels of a mask in file order: mm towards left, back, head, sorted."""
    steps = np.argwhere(mask)[:, ::-1] * np.array(SPACING)
    return in_order(np.array(ORIGIN) + steps @ direction.T)


def in_order(points: np.ndarray) -> np.ndarray:
    """Returns points sorted by their coordinates, to a hundredth of a mm."""
    points = np.round(points, 2) + 0.0
    return points[np.lexsort(points.T)]


def write_series(folder: Path, direction: np.ndarray, enhanced: bool = False, **extra: Any) -> None:
    """Writes a series of noise in the orientation."""
    values = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.int16)
    fields = {**IDENTIFIED, **extra}
    if enhanced:
        write_enhanced(folder / "all.dcm", values, SPACING, ORIGIN, direction, **fields)
    else:
        write_dicom(folder, values, SPACING, ORIGIN, direction, **fields)


@pytest.fixture(params=ORIENTATIONS)
def orientation(request: pytest.FixtureRequest) -> np.ndarray:
    return ORIENTATIONS[request.param]
