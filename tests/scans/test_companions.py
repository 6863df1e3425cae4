"""Files of voxels beside a header, and names that lead elsewhere."""

import pytest

from orienteer.scans.companions import companions, named_files


def header(folder, line, name="a.mhd"):
    for file in ("a.raw", "b.raw", "slice001.raw", "slice002.raw", "slice3.raw", "other.raw", "with space.raw"):
        (folder / file).touch()
    path = folder / name
    path.write_text(f"NDims = 3\nComment = %d 100% other.raw\n{line}\n" if name == "a.mhd" else f"NRRD0004\n{line}\n\n")
    return path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ElementDataFile = LOCAL", []),
        ("ElementDataFile = a.raw", ["a.raw"]),
        ("ElementDataFile = with space.raw", ["with space.raw"]),
        ("ElementDataFile = LIST\na.raw\nb.raw\n", ["a.raw", "b.raw"]),
        ("ElementDataFile = slice%03d.raw 1 2 1", ["slice001.raw", "slice002.raw"]),
        ("ElementDataFile = slice%d.raw 3 5", ["slice3.raw"]),
        ("ElementDataFile = gone.raw", []),
        ("ElementDataFile = %d", []),
    ],
)
def test_companions_of_a_metaimage(tmp_path, line, expected):
    assert [file.name for file in companions(header(tmp_path, line))] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("data file: a.raw", ["a.raw"]),
        ("datafile: LIST\nb.raw\na.raw", ["a.raw", "b.raw"]),
        ("data file: slice%03d.raw 1 2 1", ["slice001.raw", "slice002.raw"]),
        ("data file: slice%03d.raw 2 1 -1", ["slice001.raw", "slice002.raw"]),
        ("type: short", []),
    ],
)
def test_companions_of_a_nrrd(tmp_path, line, expected):
    assert [file.name for file in companions(header(tmp_path, line, "a.nhdr"))] == expected


@pytest.mark.parametrize("name", ["../a.raw", "/etc/hostname", "sub/../../a.raw", "C:\\a.raw", "..\\a.raw"])
def test_files_elsewhere_are_named_and_do_not_belong_to_the_header(tmp_path, name):
    path = header(tmp_path, f"ElementDataFile = {name}")
    assert named_files(path) == [name]
    assert companions(path) == ()


@pytest.mark.parametrize("ending", ["img", "IMG", "img.gz"])
def test_the_voxels_of_a_pair(tmp_path, ending):
    (tmp_path / "a.hdr").write_bytes((348).to_bytes(4, "little"))
    (tmp_path / f"a.{ending}").touch()
    assert companions(tmp_path / "a.hdr") == (tmp_path / f"a.{ending}",)
    (tmp_path / "a.hdr").write_text("ENVI\n")
    assert companions(tmp_path / "a.hdr") == ()


def test_a_huge_pattern_is_cut(tmp_path):
    assert len(named_files(header(tmp_path, "ElementDataFile = s%d.raw 1 999999999 1"))) == 10_000


@pytest.mark.parametrize(
    "name",
    ["%999999999d.raw 1 2 1", "a[%d.raw", "\0", "a\0b%d", "%d/%d/%d", "50%d /%s%n", "x" * 5000, "%d" * 9000 + " 1 2 x"],
)
def test_odd_names_name_nothing(tmp_path, name):
    assert companions(header(tmp_path, f"ElementDataFile = {name}")) == ()


@pytest.mark.parametrize(
    "comment", ["50%d /%s%n", "%999999999d", "/etc/%d", "**%d**", "\0", "x" * 5000, "a[%d", "= : %"]
)
def test_anything_may_stand_in_a_comment(tmp_path, comment):
    path = header(tmp_path, f"Comment = {comment}\nElementDataFile = a.raw")
    assert [file.name for file in companions(path)] == ["a.raw"]


def test_a_long_list_is_cut(tmp_path):
    assert len(named_files(header(tmp_path, "ElementDataFile = LIST" + "\na.raw" * 20_000))) == 10_000
