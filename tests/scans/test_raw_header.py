"""Files that SimpleITK would correct silently: truncated, damaged, with NaN, or with spacings that cannot be right."""

import gzip

import nibabel
import numpy as np
import pytest

from orienteer.scans.read import read_scan
from tests.helpers.files import noise, source_of, write
from tests.helpers.refusals import refused


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_file_cut_short(tmp_path, suffix, kept):
    source = write(tmp_path / f"a{suffix}", noise((20, 20, 20)))
    path = source.files[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    refused(source, "cut short|damaged|copy or download|does not begin like one")


def test_gzip_damaged_in_the_middle(tmp_path):
    source = write(tmp_path / "a.nii.gz", noise((20, 20, 20)))
    broken = bytearray(source.files[0].read_bytes())
    broken[len(broken) // 2] ^= 0xFF
    source.files[0].write_bytes(bytes(broken))
    refused(source, "broken gzip|damaged")


def test_gzip_in_two_members_is_whole(tmp_path):
    source = write(tmp_path / "a.nii", noise((20, 20, 20)))
    raw = source.files[0].read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(raw[:5000]) + gzip.compress(raw[5000:]))
    np.testing.assert_array_equal(read_scan(source_of(tmp_path / "b.nii.gz")).voxels, read_scan(source).voxels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_voxels_that_are_not_finite(tmp_path, suffix, value):
    values = noise(dtype=np.float32)
    values[0, 1, 2] = values[3, 2, 1] = value
    refused(write(tmp_path / f"a{suffix}", values), "2 of 210 voxels that are NaN or infinite")


@pytest.mark.parametrize("spacing", [0.0, -2.0, np.nan])
def test_nifti_spacing_that_cannot_be(tmp_path, spacing):
    image = nibabel.Nifti1Image(noise(), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    raw = bytearray(image.to_bytes())
    raw[84:88] = np.float32(spacing).tobytes()  # pixdim[2]
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    refused(source_of(tmp_path / "a.nii"), "spacings above zero, got .* in pixdim")


def test_nifti_2(tmp_path):
    nibabel.save(nibabel.Nifti2Image(noise(), np.eye(4)), tmp_path / "a.nii.gz")
    refused(source_of(tmp_path / "a.nii.gz"), "NIfTI-2 file, which SimpleITK does not read")


@pytest.mark.parametrize("spacing", ["0", "-2"])
def test_metaimage_spacing_that_cannot_be(tmp_path, spacing):
    (tmp_path / "a.raw").write_bytes(noise().tobytes())
    (tmp_path / "a.mhd").write_text(
        f"ObjectType = Image\nNDims = 3\nDimSize = 7 6 5\nElementSpacing = 1 {spacing} 1\n"
        "ElementType = MET_SHORT\nElementDataFile = a.raw\n"
    )
    refused(source_of(tmp_path / "a.mhd"), "spacings above zero")


def test_nrrd_spacing_of_zero(tmp_path):
    directions = "(0,0,0) (0,2,0) (0,0,1)"
    head = "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 7 6 5\nendian: little\n"
    head += f"space directions: {directions}\nencoding: raw\nspace origin: (0,0,0)\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + noise().tobytes())
    refused(source_of(tmp_path / "a.nrrd"), "spacings above zero")


def test_nifti_with_two_spacings(tmp_path):
    image = nibabel.Nifti1Image(noise(), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.header["pixdim"][1:4] = 1
    image.header["qform_code"] = 0
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    refused(source_of(tmp_path / "a.nii"), r"\(1.0, 1.0, 1.0\) in pixdim and \(2.0, 2.0, 2.0\) in the sform")
