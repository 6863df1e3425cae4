"""Compressed NRRD and MetaImage files: every flipped bit of the stream is noticed, and nothing that is whole is refused."""

import gzip
import re
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.scans.source import METAIMAGE, NRRD
from orienteer.scans.text_header import read_text_header
from orienteer.scans.whole_file import check_whole
from tests.helpers.files import image_of, noise

FORMAT = {".mha": METAIMAGE, ".mhd": METAIMAGE, ".nrrd": NRRD, ".nhdr": NRRD}


def compressed(path, values):
    """Writes values compressed; returns the file that holds the stream and where it begins."""
    sitk.WriteImage(image_of(values), str(path), useCompression=True)
    (data,) = [file for file in path.parent.iterdir() if file != path] or [path]
    return data, read_text_header(path).length if data == path else 0


@pytest.mark.parametrize("suffix", FORMAT)
def test_a_flipped_bit_of_the_stream_is_noticed_or_changes_no_voxel(tmp_path, suffix):
    """Some bits change none: a time in the head of gzip, and the bits that fill the last byte before the checksum."""
    path, values = tmp_path / f"a{suffix}", noise((9, 8, 7)) % 50
    data, begin = compressed(path, values)
    whole, noticed, harmless = data.read_bytes(), 0, 0
    for place in range(begin, len(whole), 5):
        data.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        problem = complaint(path)
        if problem is None:
            harmless += 1
            np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T, values)
        else:
            noticed += 1
            assert problem.startswith("a: wanted")
            assert "copy or download the file again" in problem
    assert harmless <= 3 < 50 < noticed


def complaint(path):
    try:
        check_whole("a", path, FORMAT[path.suffix])
    except ScanError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", FORMAT)
def test_a_file_cut_short_is_noticed(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    data, begin = compressed(path, noise((9, 8, 7)))
    whole = data.read_bytes()
    for left in (begin, begin + 5, (begin + len(whole)) // 2, len(whole) - 1):
        data.write_bytes(whole[:left])
        with pytest.raises(
            ScanError, match="a: wanted the 1008 bytes that its header promises, got .*the stream ends early"
        ):
            check_whole("a", path, FORMAT[suffix])


def test_a_header_that_promises_more_than_there_is(tmp_path):
    compressed(tmp_path / "a.nrrd", noise((9, 8, 7)))
    content = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "a.nrrd").write_bytes(content.replace(b"sizes: 9 8 7", b"sizes: 9 8 8"))
    with pytest.raises(ScanError, match=r"wanted the 1152 bytes that its header promises, got 1008 bytes"):
        check_whole("a", tmp_path / "a.nrrd", NRRD)


@pytest.mark.parametrize(
    ("skip", "stream"),
    [
        (b"", gzip.compress(bytes(range(30))) + gzip.compress(bytes(range(34)))),
        (b"", gzip.compress(bytes(range(64))) + b"some more"),
        (b"line skip: 2\n", b"first\nsecond\n" + gzip.compress(bytes(range(64)))),
    ],
    ids=["two streams", "something after it", "lines before it"],
)
def test_what_is_whole_in_unusual_ways_is_not_refused(tmp_path, skip, stream):
    head = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nencoding: gzip\n" + skip
    (tmp_path / "a.nrrd").write_bytes(head + b"\n" + stream)
    check_whole("a", tmp_path / "a.nrrd", NRRD)


def test_a_metaimage_whose_stream_lies_beside_it_may_lack_its_size(tmp_path):
    """SimpleITK takes all of the other file; of a stream in the same file it reads what nobody wrote."""
    values = noise((4, 4, 4))
    head = b"NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nCompressedData = True\nElementDataFile = "
    for stream in (zlib.compress(values.tobytes()), gzip.compress(values.tobytes())):
        (tmp_path / "a.mhd").write_bytes(head + b"a.zraw\n")
        (tmp_path / "a.zraw").write_bytes(stream)
        check_whole("a", tmp_path / "a.mhd", METAIMAGE)
        (tmp_path / "a.mha").write_bytes(head + b"LOCAL\n" + stream)
        with pytest.raises(ScanError, match="no CompressedDataSize"):
            check_whole("a", tmp_path / "a.mha", METAIMAGE)


def test_a_gzip_file_without_its_mark_is_not_read_as_raw_values(tmp_path):
    data, begin = compressed(tmp_path / "a.nrrd", noise((9, 8, 7)))
    whole = data.read_bytes()
    data.write_bytes(whole[:begin] + b"\0" + whole[begin + 1 :])
    with pytest.raises(ScanError, match="incorrect header check"):
        check_whole("a", tmp_path / "a.nrrd", NRRD)


@pytest.mark.parametrize("stream_bytes", [b"-100", b"0", b"1", b"300", b"many"])
def test_a_metaimage_whose_stream_is_said_to_be_shorter(tmp_path, stream_bytes):
    """SimpleITK reads no more than that, and fills up with wrong values."""
    compressed(tmp_path / "a.mha", noise((9, 8, 7)))
    content = (tmp_path / "a.mha").read_bytes()
    (said,) = re.findall(rb"CompressedDataSize = (\d+)", content)
    (tmp_path / "a.mha").write_bytes(content.replace(said, stream_bytes, 1))
    with pytest.raises(ScanError, match="a: wanted the (size of the compressed voxels|1008 bytes that its header)"):
        check_whole("a", tmp_path / "a.mha", METAIMAGE)


@pytest.mark.parametrize("text", ["data file: LIST\nb.gz\nc.gz\n", "data file: b.gz\nline skip: 1\n"])
def test_streams_in_several_files_and_after_lines_must_end_well(tmp_path, text):
    slices = 2 if "skip" in text else 4
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 {slices}\nencoding: gzip\n"
    (tmp_path / "a.nhdr").write_text(head + text)
    before = b"a line\n" if "skip" in text else b""
    for name in ("b.gz", "c.gz"):
        (tmp_path / name).write_bytes(before + gzip.compress(bytes(range(32))))
    check_whole("a", tmp_path / "a.nhdr", NRRD)
    whole = (tmp_path / "b.gz").read_bytes()
    (tmp_path / "b.gz").write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])
    with pytest.raises(ScanError, match="a: wanted the .* bytes that its header promises, got .* broken stream"):
        check_whole("a", tmp_path / "a.nhdr", NRRD)
