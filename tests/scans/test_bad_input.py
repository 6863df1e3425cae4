"""Scans that cannot be used: each says in one short line what is wrong with it, and none is read as something else."""

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.scans import read as read_module
from orienteer.scans.read import header, read_scan
from orienteer.scans.source import ScanSource, Selection
from tests.helpers.files import image_of, noise, source_of, write


def refused(source: ScanSource, words: str, selection: Selection | None = None) -> ScanError:
    """Asserts that reading fails in the right words, at the right step, in one line, with the scan's name."""
    with pytest.raises(ScanError, match=words) as caught:
        read_scan(source, selection)
    message = str(caught.value)
    assert caught.value.step == "read"
    assert message.startswith(source.name)
    assert "\n" not in message
    assert len(message) < 400
    return caught.value


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


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "a.mhd"])
def test_text_file_with_the_name_of_a_scan(tmp_path, name):
    (tmp_path / name).write_text("name,age\nA,1\n" * 100)
    refused(source_of(tmp_path / name), "wanted a (whole )?(NIfTI|NRRD|MetaImage) file")
    with pytest.raises(ScanError, match=r"NIfTI|NRRD|MetaImage"):
        header(source_of(tmp_path / name))


def test_format_that_the_name_does_not_say(tmp_path):
    write(tmp_path / "a.nrrd", noise())
    (tmp_path / "a.nrrd").rename(tmp_path / "a.mha")
    refused(source_of(tmp_path / "a.mha"), "whole MetaImage file")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_voxels_that_are_not_finite(tmp_path, suffix, value):
    values = noise(dtype=np.float32)
    values[0, 1, 2] = values[3, 2, 1] = value
    refused(write(tmp_path / f"a{suffix}", values), "2 of 210 voxels that are NaN or infinite")


def test_constant_image(tmp_path):
    refused(write(tmp_path / "a.nii.gz", np.full((5, 6, 7), 40, np.int16)), "40 in every voxel")


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


def test_nifti_with_skewed_axes(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.1
    image = nibabel.Nifti1Image(noise(), affine)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "a.nii.gz")
    refused(source_of(tmp_path / "a.nii.gz"), "right angles")


def test_metaimage_with_skewed_axes(tmp_path):
    skewed = np.eye(3)
    skewed[0, 1] = 0.2
    refused(write(tmp_path / "a.mha", noise(), direction=skewed), "right angles .* deviate by 0.2")


@pytest.mark.parametrize("shape", [(7, 6, 1), (1, 6, 5)])
def test_single_slice(tmp_path, shape):
    refused(write(tmp_path / "a.nii.gz", noise(shape)), "single slice")


def test_2d_image(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(noise((7, 6))), str(tmp_path / "a.mha"))
    refused(source_of(tmp_path / "a.mha"), "2D image")


def test_4d_image_without_a_chosen_frame(tmp_path):
    sitk.WriteImage(sitk.JoinSeries([image_of(noise())] * 3), str(tmp_path / "a.nii.gz"))
    refused(source_of(tmp_path / "a.nii.gz"), "4D one with 3 frames. Do this: choose one with --frame K, 0 to 2")
    with pytest.raises(ScanError, match="3 frames"):
        header(source_of(tmp_path / "a.nii.gz"))


@pytest.mark.parametrize("frame", [-1, 3])
def test_frame_out_of_range(tmp_path, frame):
    sitk.WriteImage(sitk.JoinSeries([image_of(noise())] * 3), str(tmp_path / "a.nrrd"))
    refused(source_of(tmp_path / "a.nrrd"), f"a frame from 0 to 2, got --frame {frame}", Selection(frame=frame))


def test_five_dimensions(tmp_path):
    nibabel.save(nibabel.Nifti1Image(noise((4, 5, 6, 2, 3)), np.eye(4)), tmp_path / "a.nii.gz")
    refused(source_of(tmp_path / "a.nii.gz"), "5 dimensions", Selection(frame=0))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_colour(tmp_path, suffix):
    grey = image_of((noise() // 4).astype(np.uint8))
    sitk.WriteImage(sitk.Compose([grey] * 3), str(tmp_path / f"a{suffix}"))
    refused(source_of(tmp_path / f"a{suffix}"), "one real value per voxel, got 3 of .*colour")


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", noise())
    true_open = Path.open

    def closed(path, *arguments, **settings):
        if path == source.files[0]:
            raise PermissionError(13, "Permission denied", str(path))
        return true_open(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", closed)  # tests may run as root, whom no permission stops
    refused(source, "permission denied. Do this: change its permissions")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permissions(tmp_path):
    source = write(tmp_path / "a.nii.gz", noise())
    source.files[0].chmod(0)
    refused(source, "permission denied")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_file_that_has_gone(tmp_path, name):
    refused(source_of(tmp_path / name), "still there|No such file")


def test_missing_voxel_file_of_a_header(tmp_path):
    source = write(tmp_path / "a.mhd", noise())
    (tmp_path / "a.raw").unlink()
    refused(source, "whole MetaImage file")


def test_a_failure_in_words_that_nobody_foresaw(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", noise())

    def fail(*arguments):
        raise RuntimeError("Exception thrown in X:\nlong/path.cxx:99:\nITK ERROR: Thing(0x55): odd things happened\n\n")

    monkeypatch.setattr(read_module, "_frame", fail)
    error = refused(source, r"cannot be read \(odd things happened\)")
    assert "0x55" not in str(error)


def test_warnings_of_itk_are_as_before_afterwards(tmp_path):
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    refused(write(tmp_path / "a.nii.gz", np.full((5, 6, 7), 40, np.int16)), "every voxel")
    assert sitk.ProcessObject.GetGlobalWarningDisplay() == before
