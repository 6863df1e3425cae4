"""Reading: values lie where their file says, header and scan agree, and what cannot be used is refused in one line."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.scans import read as read_module
from orienteer.scans.discover import discover
from orienteer.scans.read import header, read_scan
from orienteer.scans.source import ScanSource, Selection
from tests.helpers.files import image_of, noise, source_of, turned, write, write_dicom
from tests.helpers.refusals import refused

DIRECTIONS = {
    "straight": np.eye(3),
    "towards right and front": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
    "renamed": turned((0, 0, 0), order=(2, 0, 1)),
    "renamed, left-handed": turned((0, 0, 0), order=(1, 0, 2), signs=(1, -1, -1)),
    "oblique": turned((20, -15, 10)),
    "oblique, renamed, left-handed": turned((-25, 12, 30), order=(1, 2, 0), signs=(-1, 1, 1)),
}


def value_positions(image: sitk.Image) -> dict[int, tuple[float, ...]]:
    """What SimpleITK says: the body-frame position of every value, for values that are all different."""
    places = {}
    for index in np.ndindex(image.GetSize()):
        left, back, up = image.TransformIndexToPhysicalPoint(index)
        places[image[index]] = (-left, -back, up)
    return places


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_every_value_lies_where_simpleitk_says(tmp_path, suffix, direction):
    values = np.random.default_rng(1).permutation(4 * 5 * 3).reshape(4, 5, 3).astype(np.int16)
    source = write(tmp_path / f"a{suffix}", values, spacing=(0.7, 1.9, 3.3), direction=direction)
    scan = read_scan(source)
    expected = value_positions(sitk.ReadImage(str(source.files[0])))
    assert scan.voxels.size == len(expected)
    for voxel in np.ndindex(scan.voxels.shape):
        position_mm = scan.position_mm(np.array(voxel, dtype=float))
        np.testing.assert_allclose(position_mm, expected[int(scan.voxels[voxel])], atol=1e-4)


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_axes_are_as_close_to_right_front_head_as_turning_can_bring_them(tmp_path, direction):
    scan = read_scan(write(tmp_path / "a.nrrd", noise(), direction=direction))
    assert np.all(np.diag(scan.axes) > 0.5)
    np.testing.assert_allclose(scan.axes.T @ scan.axes, np.eye(3), atol=1e-9)
    assert np.linalg.det(scan.axes) > 0, "after turning, no scan is a mirror image"


def test_axes_of_a_scan_that_is_not_oblique_are_exactly_the_identity(tmp_path):
    scan = read_scan(write(tmp_path / "a.nii.gz", noise(), direction=turned((0, 0, 0), (2, 0, 1), (-1, 1, -1))))
    np.testing.assert_array_equal(scan.axes, np.eye(3))


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_array_and_positions_equal_nibabels_canonical_ones(tmp_path, direction):
    source = write(tmp_path / "a.nii.gz", noise((5, 7, 4)), spacing=(0.7, 1.9, 3.3), direction=direction)
    scan = read_scan(source)
    canonical = nibabel.as_closest_canonical(nibabel.load(source.files[0]))
    np.testing.assert_array_equal(scan.voxels, canonical.get_fdata(dtype=np.float32))
    affine = np.eye(4)
    affine[:3, :3] = scan.axes * scan.spacing_mm
    affine[:3, 3] = scan.origin_mm
    np.testing.assert_allclose(affine, canonical.affine, atol=1e-4)


def test_axis_0_grows_to_the_right_axis_1_to_the_front_axis_2_to_the_head(tmp_path):
    # SimpleITK's identity direction counts towards left, back, head: its far corner is the left back upper one.
    values = noise((4, 5, 6))
    values[3, 4, 5] = 7777
    scan = read_scan(write(tmp_path / "a.mha", values, direction=np.eye(3)))
    assert scan.voxels[0, 0, 5] == 7777


@pytest.mark.parametrize(
    "direction", [np.eye(3), turned((10, -20, 15)), turned((0, 90, 0))], ids=["axial", "oblique", "90"]
)
def test_a_scan_written_as_nifti_and_as_dicom_is_the_same(tmp_path, direction):
    values = noise((8, 7, 6)) - 500
    geometry = {"spacing": (0.75, 1.25, 2.5), "origin": (-3.0, 11.0, -40.0), "direction": direction}
    as_nifti = read_scan(write(tmp_path / "a.nii.gz", values, **geometry))
    write_dicom(tmp_path / "series", values, **geometry)
    as_dicom = read_scan(next(item for item in discover(tmp_path).sources if item.format == "DICOM"))
    np.testing.assert_array_equal(as_nifti.voxels, as_dicom.voxels)
    np.testing.assert_allclose(as_nifti.origin_mm, as_dicom.origin_mm, atol=1e-4)
    np.testing.assert_allclose(as_nifti.spacing_mm, as_dicom.spacing_mm, atol=1e-6)
    np.testing.assert_allclose(as_nifti.axes, as_dicom.axes, atol=1e-6)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_header_agrees_with_reading(tmp_path, suffix):
    source = write(tmp_path / f"a{suffix}", noise((4, 5, 6)), spacing=(1, 2, 3), direction=turned((0, 0, 0), (2, 0, 1)))
    head, scan = header(source), read_scan(source)
    assert head.shape_vox == scan.voxels.shape
    assert head.spacing_mm == scan.spacing_mm
    assert head.extent_mm == tuple(size * step for size, step in zip(scan.voxels.shape, scan.spacing_mm, strict=True))
    assert head.modality is None
    assert head.format == scan.format


def test_header_of_a_dicom_series_gives_its_modality(tmp_path):
    write_dicom(tmp_path / "s", noise((4, 5, 6)), modality="MR")
    source = discover(tmp_path).sources[0]
    head, scan = header(source), read_scan(source)
    assert (head.shape_vox, head.spacing_mm, head.modality) == (scan.voxels.shape, scan.spacing_mm, "MR")


def test_frame_of_a_4d_scan(tmp_path):
    frames = [noise((4, 5, 6), seed=seed) for seed in range(3)]
    images = [image_of(values, direction=turned((5, 6, 7))) for values in frames]
    sitk.WriteImage(sitk.JoinSeries(images), str(tmp_path / "a.nii.gz"))
    chosen = read_scan(source_of(tmp_path / "a.nii.gz", frame=1))
    alone = read_scan(write(tmp_path / "b.nii.gz", frames[1], direction=turned((5, 6, 7))))
    np.testing.assert_array_equal(chosen.voxels, alone.voxels)
    np.testing.assert_allclose(chosen.origin_mm, alone.origin_mm, atol=1e-4)
    np.testing.assert_allclose(chosen.axes, alone.axes, atol=1e-6)
    by_selection = read_scan(source_of(tmp_path / "a.nii.gz"), Selection(frame=1))
    np.testing.assert_array_equal(chosen.voxels, by_selection.voxels)
    assert header(source_of(tmp_path / "a.nii.gz", frame=2)).shape_vox == (4, 5, 6)


def test_frame_is_ignored_for_a_3d_scan(tmp_path):
    source = write(tmp_path / "a.nii.gz", noise())
    np.testing.assert_array_equal(read_scan(source, Selection(frame=5)).voxels, read_scan(source).voxels)


def test_scaled_nifti_values_are_the_scaled_ones(tmp_path):
    image = nibabel.Nifti1Image(noise(), np.eye(4))
    image.header.set_slope_inter(0.5, -100)
    nibabel.save(image, tmp_path / "a.nii.gz")
    expected = nibabel.load(tmp_path / "a.nii.gz").get_fdata(dtype=np.float32)
    np.testing.assert_allclose(read_scan(source_of(tmp_path / "a.nii.gz")).voxels, expected, atol=1e-3)


def test_nifti_without_any_directions_is_read(tmp_path):
    image = nibabel.Nifti1Image(noise((4, 5, 6)), None)
    image.header["pixdim"][1:4] = (1, 2, 3)
    image.header["sform_code"] = image.header["qform_code"] = 0
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    assert read_scan(source_of(tmp_path / "a.nii")).spacing_mm == (1.0, 2.0, 3.0)


def test_big_endian_nifti_is_read(tmp_path):
    header_ = nibabel.Nifti1Header(endianness=">")
    header_.set_data_dtype(np.float32)
    nibabel.save(
        nibabel.Nifti1Image(noise((4, 5, 6)), np.diag([1.0, 2.0, 3.0, 1.0]), header=header_), tmp_path / "a.nii.gz"
    )
    scan = read_scan(source_of(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(scan.voxels, noise((4, 5, 6)))
    assert scan.spacing_mm == (1.0, 2.0, 3.0)


def test_modality_can_be_set(tmp_path):
    source = write(tmp_path / "a.nii.gz", noise())
    assert read_scan(source).modality == "MR"
    assert read_scan(source, Selection(modality="CT")).modality == "CT"
    assert header(source, Selection(modality="CT")).modality == "CT"


def test_modality_of_dicom_takes_precedence_over_the_values(tmp_path):
    write_dicom(tmp_path / "s", noise() - 1000, modality="MR")
    assert read_scan(discover(tmp_path).sources[0]).modality == "MR"


def test_reading_prints_nothing(tmp_path, capfd):
    read_scan(write(tmp_path / "a.nii.gz", noise()))
    # Two spacings that differ by less than is refused: ITK warns about such a file at every reading.
    image = nibabel.Nifti1Image(noise(), np.diag([1.005, 1.005, 1.005, 1.0]))
    image.header["pixdim"][1:4] = 1
    image.header["qform_code"] = 0
    (tmp_path / "b.nii").write_bytes(image.to_bytes())
    read_scan(source_of(tmp_path / "b.nii"))
    assert capfd.readouterr() == ("", "")


def test_all_real_scans_are_read(real_scans):
    found = discover(real_scans, progress=False)
    scans = {source.name: read_scan(source) for source in found.sources}
    modalities = {name: scan.modality for name, scan in scans.items()}
    assert {name for name, modality in modalities.items() if modality == "CT"} == {
        "abdomen_ct.nii.gz",
        "thorax_ct.nii.gz",
        "ct_dicom_series",
    }
    assert len(scans) == 8
    assert found.left_out == ()
    for source in found.sources:
        scan, head = scans[source.name], header(source)
        assert (head.shape_vox, head.spacing_mm) == (scan.voxels.shape, scan.spacing_mm)
        assert all(30 < extent < 600 for extent in head.extent_mm)
        np.testing.assert_allclose(scan.axes, np.eye(3), atol=0.05)


def test_all_hippocampus_crops_are_read_as_mr(hippocampus):
    found = discover(hippocampus, progress=False)
    assert len(found.sources) == 200
    assert {read_scan(source).modality for source in found.sources[::10]} == {"MR"}
    assert all("labels" in item.reason for item in found.left_out)


def test_source_decides_what_is_read(tmp_path):
    write(tmp_path / "sub" / "a.nii.gz", noise())
    source = discover(tmp_path).sources[0]
    assert source == ScanSource("sub/a.nii.gz", "NIfTI", (tmp_path / "sub" / "a.nii.gz",), None)
    assert read_scan(source).name == "sub/a.nii.gz"


# Scans that cannot be used


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


def test_constant_image(tmp_path):
    refused(write(tmp_path / "a.nii.gz", np.full((5, 6, 7), 40, np.int16)), "40 in every voxel")


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


def test_an_unknown_message_of_itk_is_shortened(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", noise())

    def fail(*arguments):
        raise RuntimeError("Exception thrown in X:\nlong/path.cxx:99:\nITK ERROR: Thing(0x55): odd things happened\n\n")

    monkeypatch.setattr(read_module, "_frame", fail)
    error = refused(source, r"cannot be read \(odd things happened\)")
    assert "0x55" not in str(error)


def test_an_error_of_another_kind_is_named_too(tmp_path, monkeypatch):
    monkeypatch.setattr(read_module, "check_raw_header", lambda *_: 1 / 0)
    refused(write(tmp_path / "a.nii.gz", noise()), "a whole NIfTI file, got ZeroDivisionError: division by zero")


def test_warnings_of_itk_are_as_before_afterwards(tmp_path):
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    refused(write(tmp_path / "a.nii.gz", np.full((5, 6, 7), 40, np.int16)), "every voxel")
    assert sitk.ProcessObject.GetGlobalWarningDisplay() == before


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [
        (np.int64, 1, 2**53),
        (np.uint64, 1, 2**63),
        (np.int32, 1, 10**9),
        (np.float64, 1e300, 0),
        (np.float64, 1e-3, 1e6),
    ],
)
def test_values_that_float32_would_change_are_refused(tmp_path, suffix, dtype, scale, offset):
    values = (noise().astype(dtype) * dtype(scale) + dtype(offset)).astype(dtype)
    refused(write(tmp_path / f"a{suffix}", values), "values whose differences float32 can keep")


@pytest.mark.parametrize(("dtype", "scale"), [(np.int64, 2**40), (np.float64, 1e-30), (np.int32, 2000)])
def test_large_and_small_values_that_float32_keeps(tmp_path, dtype, scale):
    values = noise().astype(dtype) * dtype(scale)
    np.testing.assert_array_equal(
        read_scan(write(tmp_path / "a.mha", values)).voxels[::-1, ::-1], values.astype(np.float32)
    )


def test_reasons_name_no_folder_of_the_machine(tmp_path):
    source = write(tmp_path / "a.nii.gz", noise())
    content = bytearray(source.files[0].read_bytes())
    content[-6] ^= 1  # the checksum of the gzip stream
    source.files[0].write_bytes(content)
    assert str(tmp_path) not in str(refused(source, "a broken stream"))
