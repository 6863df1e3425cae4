"""The files that the page's viewer reads, read back by nibabel."""

import nibabel
import numpy as np

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.nifti import NOTHING, cosine_nifti, scan_nifti


def test_a_scan_keeps_its_values_and_its_place(explorer: Explorer) -> None:
    scan = explorer.first
    image = nibabel.Nifti1Image.from_bytes(scan_nifti(scan))
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    voxel = (3, 5, 7)
    place = np.array(scan.origin_mm) + np.array(voxel) * scan.spacing_mm
    np.testing.assert_allclose(image.affine @ [*voxel, 1], [*place, 1], atol=1e-3)
    low, high = scan.value_range
    values = low + (scan.stored / 1000 + 1) / 2 * (high - low)
    np.testing.assert_allclose(image.get_fdata(), values, atol=1e-2)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert (float(image.header["cal_min"]), float(image.header["cal_max"])) == (-200, 300)


def test_a_heat_map_lies_over_its_scan(explorer: Explorer, points_mm: list) -> None:
    heat = explorer.heat(points_mm[0])
    image = nibabel.Nifti1Image.from_bytes(cosine_nifti(heat.cosine, heat.origin_mm, heat.cell_mm))
    np.testing.assert_allclose(image.affine[:3, 3], heat.origin_mm, atol=1e-3)
    np.testing.assert_array_equal(image.get_fdata(), np.nan_to_num(heat.cosine, nan=NOTHING))
    cells = np.array(heat.cosine.shape) * heat.cell_mm
    size = np.array(explorer.first.shape_vox) * explorer.first.spacing_mm
    assert (cells <= size).all()
    assert (cells > size - heat.cell_mm).all()
