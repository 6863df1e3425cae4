"""Files that SimpleITK would correct silently: truncated, damaged, with NaN, or with spacings that cannot be right."""

import gzip
from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from orienteer.scans.read import header, read_scan
from tests.helpers.files import noise, source_of, turned, write
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


# MetaImage and NRRD: what SimpleITK invents or ignores

META = "ObjectType = Image\nNDims = {}\nDimSize = {}\n{}ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 7 6 5\nendian: little\nencoding: raw\n{}\n"
LPS = "space: left-posterior-superior\n"
DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)\n"


def metaimage(folder, fields, axes="3", sizes="7 6 5"):
    (folder / "a.mha").write_bytes(META.format(axes, sizes, fields).encode() + noise().tobytes("F"))
    return source_of(folder / "a.mha")


def nrrd(folder, fields):
    (folder / "a.nrrd").write_bytes(NRRD.format(fields).encode() + noise().tobytes("F"))
    return source_of(folder / "a.nrrd")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("", "a voxel size in the header, got neither ElementSpacing nor ElementSize"),
        ("ElementSpacing = 1.0-2 1\n", "3 numbers in ElementSpacing"),
        ("ElementSpacing = 1.0-2\n", "3 numbers in ElementSpacing"),
        ("ElementSpacing = 0,9 0,9 3\n", "3 numbers in ElementSpacing"),
        ("ElementSpacing = 1 1\n", "3 numbers in ElementSpacing"),
        ("ElementSpacing = 1 nan 1\n", "spacings above zero"),
        ("ElementSpacing = 1 1 1\nOffset = 0 nan 0\n", "finite numbers in Offset"),
        ("ElementSpacing = 1 1 1\nTransformMatrix = 1 0 0\n", "9 numbers in TransformMatrix"),
        ("ElementSpacing = 1 1 1\nTransformMatrix = 1 0 0 0 1 0 0 0 inf\n", "finite numbers in TransformMatrix"),
        ("ElementSpacing = 1 1 1\nDistanceUnits = um\n", "lengths in mm, got um in DistanceUnits"),
        ("ElementSpacing = 1 1 1\nDistanceUnits = cm\n", "lengths in mm, got cm"),
        ("ElementSpacing = 1 1 1\nElementToIntensityFunctionSlope = 2\n", "slope 2 and offset 0"),
        (
            "ElementSpacing = 1 1 1\nOffset = 1 2 3\nOrigin = 7 8 9\n",
            "one place in the header, got Offset 1 2 3 and Origin 7 8 9",
        ),
        (
            "ElementSpacing = 1 1 1\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nRotation = 0 1 0 1 0 0 0 0 1\n",
            "one place in the header, got TransformMatrix 1 0 0 .* and Rotation 0 1 0",
        ),
        ("ElementSpacing = 1 1 1\nElementSpacing = 5 5 5\n", "each field of the header once, got ElementSpacing twice"),
        (
            "ElementSpacing = 1 1 1\nBinaryDataByteOrderMSB = False\nElementByteOrderMSB = True\n",
            "one byte order in the header",
        ),
        ("ElementSpacing = 1 1 1\nBinaryData = False\n", "values in binary form"),
        ("ElementSpacing = 1 1 0.001\n", "voxels with edges of 0.005 to 50 mm, got 1 x 1 x 0.001 mm"),
        ("ElementSpacing = 1 1 60\n", "voxels with edges of 0.005 to 50 mm, got 1 x 1 x 60 mm"),
    ],
)
def test_metaimage_fields_that_cannot_be(tmp_path, fields, words):
    refused(metaimage(tmp_path, fields), words)


@pytest.mark.parametrize("fields", ["ElementSize = 1 2 3\n", "ElementSpacing = 1 2 3\nComment = 100 % %d %s %n\n"])
def test_metaimage_fields_that_may_be(tmp_path, fields):
    scan = read_scan(metaimage(tmp_path, fields))
    np.testing.assert_array_equal(scan.voxels, noise()[::-1, ::-1])
    assert scan.spacing_mm == (1.0, 2.0, 3.0)
    assert [warning.split(" in the header")[0] for warning in scan.warnings] == ["no directions", "no position"]


@pytest.mark.parametrize(
    ("axes", "sizes", "words"),
    [
        ("30000", "1 " * 30000, "1 to 10 axes, got NDims 30000"),
        ("-3", "7 6 5", "1 to 10 axes, got NDims -3"),
        ("three", "7 6 5", "1 to 10 axes"),
        ("3", "0 0 0", "3 sizes of one voxel or more, got DimSize 0 0 0"),
        ("3", "7 6", "3 sizes of one voxel or more"),
        ("3", "7 -6 5", "3 sizes of one voxel or more"),
        ("3", "99999999999 1 1", "3 sizes of one voxel or more"),
    ],
)
def test_metaimage_sizes_that_cannot_be(tmp_path, axes, sizes, words):
    refused(metaimage(tmp_path, "ElementSpacing = 1 1 1\n", axes, sizes), words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("", "a voxel size in the header, got neither `space directions` nor `spacings`"),
        (LPS, "a voxel size in the header"),
        ("thicknesses: 1 2 3\n", "a voxel size in the header"),
        ("spacings: 1 2 nan\n", "spacings above zero"),
        ("spacings: 1 2\n", "3 numbers in spacings"),
        (f"{LPS}space directions: (1,0,0) (0,1,0) none\n", "a voxel size in the header, got .* for 2 axes"),
        (f"{LPS}space directions: (1,0,0) (0,1,0)\n", "vectors such as"),
        (f"{LPS}space directions: (1,0,0) (0,1,0) (0,0,nan)\n", "finite numbers in space directions"),
        (f"{LPS}{DIRECTIONS}".replace("(1,2,3)", "(1,inf,3)"), "finite numbers in space origin"),
        (f"{LPS}{DIRECTIONS}".replace("(1,2,3)", "1 2 3"), "vectors such as .* in space origin"),
        (f'{LPS}{DIRECTIONS}space units: "um" "um" "um"\n', "lengths in mm, got um in space units"),
        (f'{LPS}{DIRECTIONS}space units: "m" "m" "m"\n', "lengths in mm, got m in space units"),
        (f'{LPS}{DIRECTIONS}space units: "mm" "mm" "cm"\n', "lengths in mm, got cm"),
        ('spacings: 1 2 3\nunits: "microns" "microns" "microns"\n', "lengths in mm, got microns in units"),
        (
            f"{LPS}{DIRECTIONS}old min: -1000\nold max: 3000\n",
            "values as they are stored, got values that were quantised",
        ),
        ("spacings: 1 2 3\nkinds: space space time\n", "three axes of space, got kinds space space time"),
        (f"{LPS}{DIRECTIONS}kinds: {'domain ' * 100}\n", "lines of at most 500 letters in the header, got one of 70"),
        (f"{LPS}{DIRECTIONS}{'%s%n' * 1000}\n", "lines of at most 500 letters"),
    ],
)
def test_nrrd_fields_that_cannot_be(tmp_path, fields, words):
    refused(nrrd(tmp_path, fields), words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("spacings: 1 2 3\n", "no `space`"),
        (f"space dimension: 3\n{DIRECTIONS}", "no `space`"),
        (f"space: scanner-xyz\n{DIRECTIONS}", "space scanner-xyz, which does not say where left is"),
    ],
)
def test_nrrd_without_left_and_right_is_read_with_a_warning(tmp_path, fields, words):
    scan = read_scan(nrrd(tmp_path, fields))
    assert scan.spacing_mm == (1.0, 2.0, 3.0)
    assert words in scan.warnings[0]
    assert header(nrrd(tmp_path, fields)).warnings == scan.warnings


@pytest.mark.parametrize("space", ["left-posterior-superior", "RAS", "right-anterior-superior", "LPS"])
@pytest.mark.parametrize("units", ["", 'space units: "mm" "mm" "mm"\n', 'space units: "" "" ""\n'])
def test_nrrd_that_says_all_draws_no_warning(tmp_path, space, units):
    assert read_scan(nrrd(tmp_path, f"space: {space}\n{DIRECTIONS}{units}")).warnings == ()


@pytest.mark.parametrize("note", [f"content: {'%s' * 5000}", f"# {'x' * 5000}", f"note:={'x' * 5000}"])
def test_free_text_of_any_length_may_stand_in_a_nrrd(tmp_path, note):
    assert read_scan(nrrd(tmp_path, f"{LPS}{DIRECTIONS}{note}\n")).warnings == ()


def test_a_nrrd_without_a_position_is_read_with_a_warning(tmp_path):
    scan = read_scan(nrrd(tmp_path, f"{LPS}space directions: (1,0,0) (0,2,0) (0,0,3)\n"))
    assert scan.warnings == ("no position in the header: the first voxel is taken to lie at 0, as ITK does",)
    assert scan.origin_mm == (-6.0, -10.0, 0.0)


@pytest.mark.parametrize("name", ["../voxels.raw", "/tmp/voxels.raw"])
def test_voxels_outside_the_folder_are_not_read(tmp_path, name):
    (tmp_path / "voxels.raw").write_bytes(noise().tobytes("F"))
    (tmp_path / "s").mkdir()
    source = metaimage(tmp_path / "s", "ElementSpacing = 1 1 1\n")
    path = source.files[0]
    path.write_bytes(path.read_bytes().replace(b"= LOCAL", f"= {name}".encode()))
    refused(source, "voxels in the header's folder")


@pytest.mark.parametrize("direction", [turned((0, 0, 0), order, signs) for order in permutations(range(3))
                                       for signs in product((1, -1), repeat=3)] + [turned((20, 10, -30))])  # fmt: skip
def test_the_anatomical_orientation_that_itk_writes_is_no_contradiction(tmp_path, direction):
    assert header(write(tmp_path / "a.mha", noise(), direction=direction)).warnings == ()


@pytest.mark.parametrize("word", ["LPS", "ASL", "ras"])
def test_an_anatomical_orientation_that_contradicts_the_directions_is_named(tmp_path, word):
    fields = "ElementSpacing = 1 2 3\nOffset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    scan = read_scan(metaimage(tmp_path, f"{fields}AnatomicalOrientation = {word}\n"))
    np.testing.assert_array_equal(scan.voxels, noise()[::-1, ::-1])
    assert scan.warnings == (
        f"AnatomicalOrientation {word.upper()} where the directions in the header run RAI; the directions count, as in ITK",
    )


def test_a_file_of_voxels_named_twice_is_refused(tmp_path):
    lines = "\n".join(["a.raw"] * 5)
    (tmp_path / "a.mhd").write_text(
        META.format("3", "7 6 5", "ElementSpacing = 1 2 3\n").replace("LOCAL", f"LIST\n{lines}")
    )
    (tmp_path / "a.raw").write_bytes(noise()[:, :, 0].tobytes("F"))
    refused(source_of(tmp_path / "a.mhd"), "each file of voxels named once, got a.raw twice")
