"""The files that the page's viewer reads, read back by nibabel."""

import nibabel
import numpy as np

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.nifti import scan_nifti


def test_a_scan_keeps_its_values_and_its_place(explorer: Explorer) -> None:
    shown = explorer.first.shown
    image = nibabel.Nifti1Image.from_bytes(scan_nifti(shown, "CT"))
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    voxel = (3, 5, 7)
    place = np.array(shown.origin_mm) + np.array(voxel) * shown.spacing_mm
    np.testing.assert_allclose(image.affine @ [*voxel, 1], [*place, 1], atol=1e-3)
    np.testing.assert_allclose(image.get_fdata(), shown.voxels * shown.slope + shown.intercept, atol=1e-2)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert (float(image.header["cal_min"]), float(image.header["cal_max"])) == (-160, 240)


def test_mr_is_first_shown_in_the_window_of_its_values(explorer: Explorer) -> None:
    image = nibabel.Nifti1Image.from_bytes(scan_nifti(explorer.first.shown, "MR"))
    np.testing.assert_allclose(
        (float(image.header["cal_min"]), float(image.header["cal_max"])), explorer.first.shown.window, rtol=1e-6
    )
