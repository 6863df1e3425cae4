"""NIfTI headers that contradict themselves: what wins is what ITK takes, with a warning; or the scan is refused."""

import struct

import nibabel
import numpy as np
import pytest

from orienteer.scans.label_maps import looks_like_labels
from orienteer.scans.read import header, read_scan
from tests.helpers.files import noise, source_of, turned
from tests.helpers.refusals import refused

SPACING = np.array([1.0, 2.0, 3.0])


def affine(turn=None, origin=(10.0, 20.0, 30.0)) -> np.ndarray:
    """A grid of 1 x 2 x 3 mm, towards right, front and head."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if turn is None else turn) * SPACING
    matrix[:3, 3] = origin
    return matrix


def write_nifti(path, sform=None, qform=None, codes=(1, 1), shape=(7, 6, 5), **fields):
    """Writes a file with these affines, codes of sform and qform, and further fields of the header."""
    image = nibabel.Nifti1Image(noise(shape), None)
    image.header["pixdim"][1:4] = SPACING
    if qform is not None:
        image.header.set_qform(qform, code=1)
    if sform is not None:
        image.header.set_sform(sform, code=1)
    image.header["sform_code"], image.header["qform_code"] = codes
    for name, value in fields.items():
        image.header[name] = value
    path.write_bytes(image.to_bytes())
    return source_of(path)


def patched(path, place, letters, *values):
    """Writes numbers over bytes of a file."""
    content = bytearray(path.read_bytes())
    struct.pack_into(f"<{letters}", content, place, *values)
    path.write_bytes(bytes(content))
    return source_of(path)


MOVED = affine(origin=(60.0, 20.0, 30.0))
TILTED = affine(turned((0, 0, 20)))


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (4, 1), (1, 2)])
def test_two_affines_that_agree_draw_no_warning(tmp_path, codes):
    scan = read_scan(write_nifti(tmp_path / "a.nii", TILTED, TILTED, codes))
    assert scan.warnings == ()


@pytest.mark.parametrize(("sform", "apart_mm"), [(MOVED, 50), (TILTED, 3.0)], ids=["moved", "turned by 20 degrees"])
@pytest.mark.parametrize(
    ("codes", "used"), [((1, 1), "sform"), ((2, 1), "qform"), ((4, 1), "qform"), ((1, 4), "sform")]
)
def test_two_affines_that_place_voxels_differently(tmp_path, sform, apart_mm, codes, used):
    source = write_nifti(tmp_path / "a.nii", sform, affine(), codes)
    scan = read_scan(source)
    (warning,) = scan.warnings
    assert f"the {used} is used" in warning
    assert float(warning.split("up to ")[1].split()[0]) == pytest.approx(apart_mm, abs=3)
    assert header(source).warnings == scan.warnings
    only = {"sform": (sform, None, (1, 0)), "qform": (None, affine(), (0, 1))}[used]
    alone = read_scan(write_nifti(tmp_path / "b.nii", *only))
    np.testing.assert_allclose(scan.origin_mm, alone.origin_mm, atol=1e-3)
    np.testing.assert_allclose(scan.axes, alone.axes, atol=1e-6)


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (np.diag([-1.0, 1, 1]), "mirror images"),
        (np.diag([1.0, 1, -1]), "mirror images"),
        (turned((0, 0, 90)), "turned by 90 degrees"),
        (np.diag([-1.0, -1, 1]), "turned by 180 degrees"),
    ],
)
def test_two_affines_that_disagree_about_left_and_right(tmp_path, turn, words, codes):
    refused(write_nifti(tmp_path / "a.nii", affine(turn), affine(), codes), words)


def test_no_affine_is_read_with_a_warning(tmp_path):
    source = write_nifti(tmp_path / "a.nii", codes=(0, 0))
    assert "neither sform nor qform" in read_scan(source).warnings[0]
    assert header(source).spacing_mm == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(("units", "factor", "word"), [(1, 1000, "in m "), (3, 0.001, "in um ")])
def test_lengths_in_other_units_become_mm(tmp_path, units, factor, word):
    image = nibabel.Nifti1Image(noise((40, 30, 20)), np.diag([1 / factor, 2 / factor, 3 / factor, 1]))
    image.set_qform(image.affine, code=1)
    image.header["xyzt_units"] = units
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    scan = read_scan(source_of(tmp_path / "a.nii"))
    np.testing.assert_allclose(scan.spacing_mm, (1, 2, 3), rtol=1e-5)
    assert word in scan.warnings[0]


@pytest.mark.parametrize("units", [1, 3])
def test_mm_under_the_name_of_another_unit(tmp_path, units):
    refused(write_nifti(tmp_path / "a.nii", affine(), affine(), xyzt_units=units), "longest edge of 1 to 5000 mm")


@pytest.mark.parametrize("offset", [float("inf"), float("nan"), 0.0, -8.0, 1e30])
def test_voxels_that_begin_nowhere(tmp_path, offset):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 108, "f", offset), "begin at byte 352 or later, got vox_offset")


@pytest.mark.parametrize("sizes", [(0, 0, 0), (7, -6, 5), (7, 6, 0)])
def test_sizes_that_cannot_be(tmp_path, sizes):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 42, "3h", *sizes), "sizes of one voxel or more")


def test_sizes_beyond_any_memory(tmp_path):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 42, "3h", 32767, 32767, 32767), "a scan that needs at most .* GB of memory")


def test_a_type_that_is_none(tmp_path):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 70, "h", 77), "a data type of NIfTI, got datatype 77")


@pytest.mark.parametrize("scaling", [(0.0, 7.0), (np.nan, 5.0), (np.inf, 0.0), (2.0, np.nan), (1e-38, 0.0)])
def test_a_scaling_that_readers_understand_differently(tmp_path, scaling):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 112, "2f", *scaling), "one scaling of the values, got scl_slope")


@pytest.mark.parametrize("scaling", [(0.0, 0.0), (np.nan, np.nan), (1.0, 0.0)])
def test_no_scaling(tmp_path, scaling):
    source = write_nifti(tmp_path / "a.nii", affine())
    plain = read_scan(source).voxels
    np.testing.assert_array_equal(read_scan(patched(tmp_path / "a.nii", 112, "2f", *scaling)).voxels, plain)


def test_analyze_does_not_say_where_left_is(tmp_path):
    nibabel.save(nibabel.AnalyzeImage(noise(), np.eye(4)), tmp_path / "a.hdr")
    refused(source_of(tmp_path / "a.hdr"), "an Analyze 7.5 header")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_pair_is_read_as_one_file_is(tmp_path, compressed):
    pair, single = f"a.hdr{'.gz' if compressed else ''}", "b.nii"
    image = nibabel.Nifti1Pair(noise(), affine())
    nibabel.save(image, tmp_path / pair.replace("hdr", "img"))
    nibabel.save(nibabel.Nifti1Image(noise(), affine()), tmp_path / single)
    first, second = read_scan(source_of(tmp_path / pair)), read_scan(source_of(tmp_path / single))
    np.testing.assert_array_equal(first.voxels, second.voxels)
    assert first.origin_mm == second.origin_mm


def test_a_pair_of_which_half_is_missing(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(noise(), affine()), tmp_path / "a.img")
    (tmp_path / "a.img").unlink()
    refused(source_of(tmp_path / "a.hdr"), "a.hdr without its .img")


@pytest.mark.parametrize(("place", "values"), [(256, (0.9, 0.9, 0.9)), (256, (np.nan, 0, 0)), (268, (np.inf, 0, 0))])
def test_a_qform_that_is_none(tmp_path, place, values):
    """Readers differ about a quaternion that is too long, and take a position that is not finite for 0."""
    write_nifti(tmp_path / "a.nii", qform=affine(), codes=(0, 1))
    refused(patched(tmp_path / "a.nii", place, "3f", *values), "finite numbers in the qform")


def test_a_sform_that_is_not_finite(tmp_path):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 292, "f", np.nan), "finite numbers in the sform")


def test_a_file_that_calls_itself_a_label_map_is_one(tmp_path):
    write_nifti(tmp_path / "a.nii", affine(), shape=(20, 20, 20))
    assert not looks_like_labels(tmp_path / "a.nii")
    assert looks_like_labels(patched(tmp_path / "a.nii", 68, "h", 1002).files[0])


@pytest.mark.parametrize("units", [4, 5, 6, 7])
def test_a_unit_that_nifti_does_not_know_is_named(tmp_path, units):
    scan = read_scan(write_nifti(tmp_path / "a.nii", affine(), codes=(1, 0), xyzt_units=units))
    assert scan.spacing_mm == tuple(SPACING)
    assert scan.warnings == (f"lengths in a unit that NIfTI does not know (xyzt_units {units}), taken for mm",)


def test_an_axis_of_size_0_is_named(tmp_path):
    write_nifti(tmp_path / "a.nii", affine(), codes=(1, 0))
    scan = read_scan(patched(tmp_path / "a.nii", 40, "6h", 4, 7, 6, 5, 0, 0))
    np.testing.assert_array_equal(scan.voxels, noise())
    assert scan.warnings == ("size 0 along axis 4 (dim), taken for 1 as ITK does",)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 1e9), (1e-4, 1e5), (1e-3, -1e6)])
def test_a_scaling_whose_steps_float32_loses_is_refused(tmp_path, slope, intercept):
    write_nifti(tmp_path / "a.nii", affine())
    refused(patched(tmp_path / "a.nii", 112, "2f", slope, intercept), "values whose differences float32 can keep")
