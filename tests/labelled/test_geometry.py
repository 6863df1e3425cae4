"""Labels between the grid of a prepared scan and the voxels of its file, and the geometry that files keep."""

import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.labelled.geometry import differs, grid_geometry, labels_on_grid, probabilities_on_file, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.scans.preparation import Preparation, prepare_scan
from orienteer.scans.source import DICOM, ScanSource, Selection
from tests.helpers.files import source_of, turned, write_dicom
from tests.helpers.labelled import case_arrays
from tests.helpers.saved_models import itk_geometry, write_scan

UNEVEN = {
    "spacing": (0.9, 1.1, 1.3),
    "origin": (12.3, -45.6, 78.9),
    "direction": turned((0, 0, 0), (2, 0, 1), (-1, 1, -1)),
}
OBLIQUE = {"spacing": (0.9, 1.1, 1.3), "origin": (12.3, -45.6, 78.9), "direction": turned((20, -10, 15))}


def test_a_big_endian_file_stays_readable(tmp_path):
    write_scan(tmp_path, "little.nii", **OBLIQUE)
    little = nibabel.load(tmp_path / "little.nii")
    header = little.header.as_byteswapped(">")
    nibabel.Nifti1Image(np.asarray(little.dataobj), None, header).to_filename(tmp_path / "a.nii")
    source = source_of(tmp_path / "a.nii")
    assert struct.unpack(">i", (tmp_path / "a.nii").read_bytes()[:4])[0] == 348
    labels = np.arange(18 * 20 * 16, dtype=np.uint16).reshape(16, 20, 18)
    write_labels(tmp_path / "out.nii.gz", labels, source_geometry(source), source)
    assert itk_geometry(tmp_path / "out.nii.gz") == itk_geometry(tmp_path / "a.nii")
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out.nii.gz"))), labels)


@pytest.mark.parametrize("geometry", [{}, UNEVEN, OBLIQUE], ids=["plain", "turned", "oblique"])
@pytest.mark.parametrize("spacing", [0.7, 1.0])
def test_labels_go_to_the_prepared_grid_and_back_to_their_place(tmp_path, geometry, spacing):
    source = write_scan(tmp_path, "a.nii.gz", **geometry)
    truth = case_arrays(0)[1].transpose(2, 1, 0)  # file order
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((spacing,) * 3, crop_to_body=False))
    own, grid = source_geometry(source), grid_geometry(arrays.voxels.shape, arrays.spacing_mm, arrays.origin_mm)
    on_grid = labels_on_grid(np.ascontiguousarray(truth), 3, own, grid)
    back = probabilities_on_file(np.stack([on_grid == c for c in range(3)]).astype(np.float32), grid, own)
    for number in (1, 2):
        overlap = 2 * ((back == number) & (truth == number)).sum() / ((back == number).sum() + (truth == number).sum())
        assert overlap > (0.999 if not geometry and spacing == 1 else 0.85)
    # Bright voxels of the prepared scan are those of class 1: labels and image lie on each other.
    bright = arrays.voxels > 600
    assert 2 * (bright & (on_grid == 1)).sum() / (bright.sum() + (on_grid == 1).sum()) > 0.7


def test_a_grid_of_another_place_or_size_is_told_in_words():
    image = grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.01, 0.0, 0.0)), image) is None
    assert differs(grid_geometry((10, 10, 11), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), image) == (
        "10 x 10 x 11 voxels where the image has 10 x 10 x 10"
    )
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0)), image) == "up to 9 mm away"


def test_the_source_of_a_series_is_known_by_its_format(tmp_path):
    write_dicom(tmp_path / "knee", case_arrays(0)[0], modality="MR")
    source = ScanSource("knee", DICOM, tuple(sorted((tmp_path / "knee").iterdir())))
    assert source_geometry(source).size == (18, 20, 16)
