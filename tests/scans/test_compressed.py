"""Compressed NRRD and MetaImage files: every flipped bit of the stream is noticed, and nothing that is whole is refused."""

import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.scans.compressed import CHUNK_BYTES, check_compressed
from orienteer.scans.source import METAIMAGE, NRRD
from orienteer.scans.text_header import read_text_header
from tests.helpers.files import image_of, noise, write

FORMAT = {".mha": METAIMAGE, ".mhd": METAIMAGE, ".nrrd": NRRD, ".nhdr": NRRD}


def compressed(path, values):
    """Writes values compressed; returns the file that holds the stream and where it begins."""
    sitk.WriteImage(image_of(values), str(path), useCompression=True)
    (data,) = [file for file in path.parent.iterdir() if file != path] or [path]
    return data, read_text_header(path, FORMAT[path.suffix]).end if data == path else 0


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
        check_compressed("a", path, FORMAT[path.suffix])
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
        with pytest.raises(ScanError, match="a: wanted a whole compressed stream .*it ends too early"):
            check_compressed("a", path, FORMAT[suffix])


def test_a_header_that_promises_more_than_there_is(tmp_path):
    compressed(tmp_path / "a.nrrd", noise((9, 8, 7)))
    content = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "a.nrrd").write_bytes(content.replace(b"sizes: 9 8 7", b"sizes: 9 8 8"))
    with pytest.raises(ScanError, match=r"wanted the 1152 bytes that its header promises, got 1008 bytes"):
        check_compressed("a", tmp_path / "a.nrrd", NRRD)


def test_a_stream_that_unpacks_to_far_more_than_is_promised_is_left_in_the_middle(tmp_path):
    head = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nencoding: gzip\n\n"
    bomb = gzip.compress(bytes(8 * CHUNK_BYTES))
    (tmp_path / "a.nrrd").write_bytes(head + bomb[:-8])  # its end is not looked at
    with pytest.raises(ScanError, match="more than twice as many"):
        check_compressed("a", tmp_path / "a.nrrd", NRRD)


@pytest.mark.parametrize(
    ("skip", "stream"),
    [
        (b"", gzip.compress(bytes(30)) + gzip.compress(bytes(34))),
        (b"", gzip.compress(bytes(64)) + b"some more"),
        (b"line skip: 2\n", b"first\nsecond\n" + gzip.compress(bytes(64))),
    ],
    ids=["two streams", "something after it", "lines before it"],
)
def test_what_is_whole_in_unusual_ways_is_not_refused(tmp_path, skip, stream):
    head = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nencoding: gzip\n" + skip
    (tmp_path / "a.nrrd").write_bytes(head + b"\n" + stream)
    check_compressed("a", tmp_path / "a.nrrd", NRRD)


def test_a_metaimage_may_lack_the_size_of_its_stream(tmp_path):
    values = noise((4, 4, 4))
    head = b"NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nCompressedData = True\nElementDataFile = LOCAL\n"
    for stream in (zlib.compress(values.tobytes()), gzip.compress(values.tobytes())):
        (tmp_path / "a.mha").write_bytes(head + stream)
        check_compressed("a", tmp_path / "a.mha", METAIMAGE)


def test_a_gzip_file_without_its_mark_is_not_read_as_raw_values(tmp_path):
    data, begin = compressed(tmp_path / "a.nrrd", noise((9, 8, 7)))
    whole = data.read_bytes()
    data.write_bytes(whole[:begin] + b"\0" + whole[begin + 1 :])
    with pytest.raises(ScanError, match="incorrect header check"):
        check_compressed("a", tmp_path / "a.nrrd", NRRD)


def test_files_that_are_not_compressed_are_not_read(tmp_path):
    for suffix in (".nrrd", ".mha"):
        write(tmp_path / f"a{suffix}", noise())
        path = tmp_path / f"a{suffix}"
        path.write_bytes(path.read_bytes()[:-20])
        check_compressed("a", path, FORMAT[suffix])


def test_a_missing_data_file_is_named(tmp_path):
    data, _ = compressed(tmp_path / "a.mhd", noise())
    data.unlink()
    with pytest.raises(ScanError, match=f"wanted its data file beside the header, got no {data.name}"):
        check_compressed("a", tmp_path / "a.mhd", METAIMAGE)
