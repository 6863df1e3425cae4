"""Headers of NRRD and MetaImage as text: where the voxels lie, how many they are, and nothing from outside the folder."""

import os

import pytest

from orienteer.errors import ScanError
from orienteer.scans.source import METAIMAGE, NRRD
from orienteer.scans.text_header import files_beside, read_text_header


@pytest.fixture
def meta(tmp_path):
    """Writes a MetaImage header, and returns the names of the files that it names."""

    def names(data_file, comment="none"):
        text = f"Comment = {comment}\nNDims = 3\nDimSize = 2 2 2\nElementDataFile = {data_file}\n"
        (tmp_path / "a.mhd").write_bytes(text.encode())
        return [file.name for file in files_beside("a", tmp_path / "a.mhd", METAIMAGE)]

    return names


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def test_only_the_files_that_the_header_names_count(meta, tmp_path):
    touch(tmp_path, "a.raw", "with space.raw", "grüße.raw", "s1.raw", "s10.raw", "sx.raw", "below/b.raw")
    assert meta("a.raw", comment="s1.raw") == ["a.raw"]
    assert meta("with space.raw") == ["with space.raw"]
    assert meta("grüße.raw") == ["grüße.raw"]
    assert meta("below/b.raw") == ["b.raw"]
    assert meta("LIST\ns1.raw\nmissing.raw\ns10.raw") == ["s1.raw", "s10.raw"]
    assert meta("s%d.raw 1 10 1") == ["s1.raw", "s10.raw"]
    assert meta("LOCAL") == []


@pytest.mark.parametrize(
    "comment", ["50%d /%s%n", "%999999999d", "/etc/%d", "**%d**", "\0", "x" * 5000, "a[%d", "= : %"]
)
def test_anything_may_stand_in_a_comment(meta, tmp_path, comment):
    touch(tmp_path, "a.raw")
    assert meta("a.raw", comment) == ["a.raw"]


@pytest.mark.parametrize("data_file", ["%999999999d.raw 1 2 1", "a[%d.raw", "\0", "x" * 300, "a\0b%d", "%d/%d/%d"])
def test_odd_names_name_nothing(meta, tmp_path, data_file):
    assert meta(data_file) == []


@pytest.mark.parametrize(
    "data_file", ["../a.raw", "/etc/passwd", "below/../../a.raw", "LIST\n../a.raw", "../s%d.raw 1 2 1"]
)
def test_a_file_outside_the_folder_is_refused(meta, data_file):
    with pytest.raises(ScanError, match="a: wanted voxels in a file beside the header, got .*put both files into one"):
        meta(data_file)


def test_an_absolute_path_into_the_folder_and_a_link_are_beside_the_header(meta, tmp_path):
    touch(tmp_path, "a.raw")
    os.symlink("/dev/null", tmp_path / "link.raw")
    assert meta(tmp_path / "a.raw") == ["a.raw"]
    assert meta("link.raw") == ["link.raw"]


@pytest.mark.parametrize(
    ("text", "file_format", "promised"),
    [
        ("DimSize = 3 4 5\nElementType = MET_SHORT\nElementDataFile = LOCAL\n", METAIMAGE, 120),
        (
            "DimSize = 3 4 5\nElementType = MET_FLOAT\nElementNumberOfChannels = 2\nElementDataFile = LOCAL\n",
            METAIMAGE,
            480,
        ),
        ("NRRD0004\ntype: unsigned short\nsizes: 3 4 5\n\n", NRRD, 120),
        ("NRRD0004\n# type: double\ntype:=double\ntype: uint8\nsizes: 3 4 5\n\n", NRRD, 60),
        ("NRRD0004\ntype: block\nsizes: 3 4 5\n\n", NRRD, None),
        ("NRRD0004\ntype: uint8\nsizes: 3 4 -5\n\n", NRRD, None),
        ("NRRD0004\ntype: uint8\nsizes: 9999999999 4 5\n\n", NRRD, None),
        ("", METAIMAGE, None),
    ],
)
def test_the_bytes_that_a_header_promises(tmp_path, text, file_format, promised):
    (tmp_path / "a").write_text(text + "binary data: \xff")
    header = read_text_header(tmp_path / "a", file_format)
    assert header.bytes_promised() == promised
    assert header.end == (len(text) or len((tmp_path / "a").read_bytes()))
