"""The fields of MetaImage and NRRD headers, as text."""

import pytest

from orienteer.scans.text_header import numbers, read_text_header, vectors


def test_fields_of_a_metaimage_and_where_its_voxels_begin(tmp_path):
    head = b"ObjectType = Image\r\nNDims = 3\nComment = 100 % of %d = all\n\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(head + b"\x00=\n\xff")
    text = read_text_header(tmp_path / "a.mha")
    assert text.fields == {
        "ObjectType": "Image",
        "NDims": "3",
        "Comment": "100 % of %d = all",
        "ElementDataFile": "LOCAL",
    }
    assert (text.length, text.rest) == (len(head), [])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_fields_of_a_nrrd_and_where_its_voxels_begin(tmp_path, end):
    head = end.join([b"NRRD0004", b"# a note: none", b"Type: short", b"spacings:1 2 3", b"key:=value: x", b"", b""])
    (tmp_path / "a.nrrd").write_bytes(head + b"\n\n\x00")
    text = read_text_header(tmp_path / "a.nrrd")
    assert text.fields == {"type": "short", "spacings": "1 2 3"}
    assert text.length == len(head)


def test_a_long_header_is_read_to_its_end(tmp_path):
    notes = "".join(f"DWMRI_gradient_{number:04d}:=0 0 1\n" for number in range(2000))
    (tmp_path / "a.nrrd").write_text(f"NRRD0005\n{notes}sizes: 1 2 3\n\n")
    assert read_text_header(tmp_path / "a.nrrd").fields == {"sizes": "1 2 3"}


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"<html>", b"NRRD"])
def test_other_files_have_no_fields(tmp_path, content):
    (tmp_path / "a.mha").write_bytes(content)
    assert read_text_header(tmp_path / "a.mha").fields == {}


@pytest.mark.parametrize("value", ["1.0-2", "1,5", "1_000", "0x10", "one", "1e", "--1"])
def test_what_is_no_number(value):
    assert numbers(f"1 {value}") is None


@pytest.mark.parametrize("value", ["1,0,0", "(1,0", "(1,x,0)", "((1,0,0))"])
def test_what_is_no_vector(value):
    assert vectors(value) is None


@pytest.mark.parametrize("value", ["1" * 500_000 + "x", "9" * 65, "1e" * 100_000])
def test_long_numbers_take_no_time(value):
    assert numbers(value) is None


@pytest.mark.parametrize("value", ["(" * 500_000, "(1,0,0) " * 100_000])
def test_long_vectors_take_no_time(value):
    assert vectors(value) is None
