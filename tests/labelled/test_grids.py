"""Where voxels lie: grids of files in every orientation, of prepared scans, and whether two are the same."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.labelled.grids import differs, file_geometry, grid_geometry, source_geometry
from orienteer.scans.preparation import Preparation, prepare_scan
from orienteer.scans.source import DICOM, ScanSource, Selection
from tests.helpers.files import image_of, noise, source_of, turned, write, write_dicom

OBLIQUE = {
    "spacing": (0.7, 1.1, 2.5),
    "origin": (5.0, -60.0, 7.0),
    "direction": turned((10, 20, 30), (2, 0, 1), (1, -1, 1)),
}


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_the_grid_of_a_header_is_that_of_the_image(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, noise((7, 6, 5)), **OBLIQUE)
    image = sitk.ReadImage(str(source.files[0]))
    assert source_geometry(source) == file_geometry(image)
    corners = source_geometry(source).corners_mm()
    assert corners.shape == (8, 3)
    last = image.TransformIndexToPhysicalPoint((6, 5, 4))
    assert np.allclose(corners[0], image.GetOrigin())
    assert np.allclose(corners[-1], last)


def test_the_grid_of_a_dicom_series_is_that_of_its_slices(tmp_path: Path) -> None:
    values = noise((7, 6, 5))
    files = write_dicom(tmp_path / "series", values, spacing=(1.5, 2.0, 3.0))
    source = ScanSource("series", DICOM, tuple(files))
    grid = source_geometry(source)
    assert grid.size == (7, 6, 5)
    assert differs(grid, file_geometry(image_of(values, spacing=(1.5, 2.0, 3.0)))) is None


def test_values_put_on_a_grid_lie_there() -> None:
    image = image_of(noise((4, 5, 6)), **OBLIQUE)
    again = file_geometry(image).image(sitk.GetArrayFromImage(image))
    assert again.GetDirection() == pytest.approx(image.GetDirection())
    assert again.TransformIndexToPhysicalPoint((3, 4, 5)) == pytest.approx(
        image.TransformIndexToPhysicalPoint((3, 4, 5))
    )


def test_of_four_axes_the_first_three_count() -> None:
    image = sitk.JoinSeries([image_of(noise((4, 5, 6)))])
    assert file_geometry(image) == file_geometry(image[..., 0])


def test_a_prepared_scan_lies_where_its_file_lies(tmp_path: Path) -> None:
    source = write(tmp_path / "a.nii.gz", noise((12, 14, 16), dtype=np.int16), spacing=(1.0, 1.0, 1.0))
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((1.0, 1.0, 1.0), crop_to_body=False))
    grid = grid_geometry(arrays.voxels.shape, arrays.spacing_mm, arrays.origin_mm)
    box = [corners.min(0) for corners in (grid.corners_mm(), source_geometry(source).corners_mm())]
    assert np.allclose(*box, atol=1e-4)


def test_a_grid_of_another_place_or_size_is_described() -> None:
    image = grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.01, 0.0, 0.0)), image) is None
    larger = grid_geometry((10, 10, 11), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert differs(larger, image) == "10 x 10 x 11 voxels where the image has 10 x 10 x 10"
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0)), image) == "up to 9 mm away"


def test_a_header_that_cannot_be_read_is_an_error_that_names_the_scan(tmp_path: Path) -> None:
    (tmp_path / "cut.nii").write_bytes(b"no header")
    with pytest.raises(ScanError, match="cut.nii"):
        source_geometry(source_of(tmp_path / "cut.nii"))
