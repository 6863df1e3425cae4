"""Labels between the grid of a file and a prepared one: there and back, and outside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orienteer.labelled.grids import file_geometry, grid_geometry, source_geometry
from orienteer.labelled.resampling import labels_on_grid, probabilities_on_file
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import Selection
from tests.helpers.files import image_of, turned
from tests.helpers.labelled import case_arrays
from tests.helpers.saved_models import write_scan

SHAPE = (14, 12, 10)
UNEVEN = {
    "spacing": (0.9, 1.1, 1.3),
    "origin": (12.3, -45.6, 78.9),
    "direction": turned((0, 0, 0), (2, 0, 1), (-1, 1, -1)),
}
OBLIQUE = {"spacing": (0.9, 1.1, 1.3), "origin": (12.3, -45.6, 78.9), "direction": turned((20, -10, 15))}


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.stack([labels == number for number in range(classes)]).astype(np.float32)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("signs", [(-1, -1, 1), (1, -1, -1)])
def test_turned_and_mirrored_labels_come_back_exactly(order: tuple, signs: tuple) -> None:
    labels = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    file_grid = file_geometry(image_of(labels, spacing=(1.0, 1.0, 1.0), direction=turned((0, 0, 0), order, signs)))
    low, high = (getattr(file_grid.corners_mm(), side)(0) for side in ("min", "max"))
    size0, size1, size2 = (round(length) + 1 for length in high - low)
    # The prepared grid counts towards right and front, the file towards left and back.
    grid = grid_geometry((size0, size1, size2), (1.0, 1.0, 1.0), (float(-high[0]), float(-high[1]), float(low[2])))
    in_file_order = np.ascontiguousarray(labels.transpose(2, 1, 0))
    on_grid = labels_on_grid(in_file_order, 3, file_grid, grid)
    assert on_grid.shape == (size0, size1, size2)
    assert np.array_equal(probabilities_on_file(one_hot(on_grid, 3), grid, file_grid), in_file_order)


def test_a_finer_grid_keeps_volumes() -> None:
    _, labels = case_arrays(0)
    file_grid = file_geometry(
        image_of(labels, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=np.diag([-1, -1, 1]))
    )
    fine = grid_geometry(tuple(2 * n for n in labels.shape), (0.5, 0.5, 0.5), (-0.25, -0.25, -0.25))
    on_grid = labels_on_grid(np.ascontiguousarray(labels.transpose(2, 1, 0)), 3, file_grid, fine)
    volumes = np.bincount(on_grid.reshape(-1), minlength=3) * 0.5**3
    assert volumes[1:] == pytest.approx(np.bincount(labels.reshape(-1), minlength=3)[1:], rel=0.1)


def test_what_lies_outside_the_grid_is_background() -> None:
    file_grid = grid_geometry((6, 6, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    half = grid_geometry((3, 6, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    probabilities = np.zeros((2, 3, 6, 6), np.float32)
    probabilities[1] = 1
    on_file = probabilities_on_file(probabilities, half, file_grid)  # (file2, file1, file0)
    assert on_file[:, :, :3].all()
    assert not on_file[:, :, 3:].any()


@pytest.mark.parametrize("geometry", [{}, UNEVEN, OBLIQUE], ids=["plain", "turned", "oblique"])
@pytest.mark.parametrize("spacing", [0.7, 1.0])
def test_labels_go_to_the_prepared_grid_and_back_to_their_place(
    tmp_path: Path, geometry: dict[str, Any], spacing: float
) -> None:
    source = write_scan(tmp_path, "a.nii.gz", **geometry)
    truth = case_arrays(0)[1].transpose(2, 1, 0)  # file order
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((spacing,) * 3, crop_to_body=False))
    file, grid = source_geometry(source), grid_geometry(arrays.voxels.shape, arrays.spacing_mm, arrays.origin_mm)
    on_grid = labels_on_grid(np.ascontiguousarray(truth), 3, file, grid)
    back = probabilities_on_file(np.stack([on_grid == c for c in range(3)]).astype(np.float32), grid, file)
    for number in (1, 2):
        overlap = 2 * ((back == number) & (truth == number)).sum() / ((back == number).sum() + (truth == number).sum())
        assert overlap > (0.999 if not geometry and spacing == 1 else 0.85)
    # Bright voxels of the prepared scan are those of class 1: labels and image lie on each other.
    bright = arrays.voxels > 600
    assert 2 * (bright & (on_grid == 1)).sum() / (bright.sum() + (on_grid == 1).sum()) > 0.7
