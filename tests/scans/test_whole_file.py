"""Files with fewer bytes than promised, with more, or with damage that only a checksum shows."""

import gzip
import struct
import zlib

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import ScanError
from orienteer.scans import whole_file
from orienteer.scans.read import read_scan
from orienteer.scans.text_header import read_text_header
from orienteer.scans.whole_file import CHUNK_BYTES, check_whole
from tests.helpers.files import image_of, noise, source_of, write
from tests.helpers.refusals import refused

NRRD = "NRRD0004\ntype: {}\ndimension: 3\nspace: LPS\nsizes: 7 6 5\nendian: little\nencoding: {}\n{}"
NRRD += "space directions: (1,0,0) (0,1,0) (0,0,1)\n\n"
META = "ObjectType = Image\nNDims = 3\nDimSize = 7 6 5\nElementSpacing = 1 1 1\n{}ElementType = {}\nElementDataFile = LOCAL\n"


def text_file(folder, kind, content, encoding="raw", values="short"):
    """Writes a NRRD or MetaImage file with its voxels as they are given."""
    if kind == "nrrd":
        head = NRRD.format(values, encoding, "")
    else:
        size = f"CompressedData = True\nCompressedDataSize = {len(content)}\n" if encoding != "raw" else ""
        head = META.format(size, f"MET_{values.upper()}")
    path = folder / f"a.{kind}"
    path.write_bytes(head.encode() + content)
    return source_of(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_that_promises_fewer_slices_than_it_holds(tmp_path, name):
    nibabel.save(nibabel.Nifti1Image(noise((7, 6, 8)), np.eye(4)), tmp_path / "whole.nii")
    content = bytearray((tmp_path / "whole.nii").read_bytes())
    struct.pack_into("<h", content, 46, 5)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    refused(source_of(tmp_path / name), "bytes that its header promises, got .* 3 slices more")


def test_a_few_bytes_after_the_last_voxel_are_named(tmp_path):
    source = write(tmp_path / "a.nii", noise())
    plain = read_scan(source)
    source.files[0].write_bytes(source.files[0].read_bytes() + b"\0" * 12)
    scan = read_scan(source)
    np.testing.assert_array_equal(scan.voxels, plain.voxels)
    assert scan.warnings == (*plain.warnings, "12 bytes after the last voxel are ignored")


@pytest.mark.parametrize("kind", ["nrrd", "mha"])
@pytest.mark.parametrize("values", ["short", "uchar", "float", "double", "int"])
def test_text_headers_that_promise_fewer_slices_than_follow(tmp_path, kind, values):
    dtype = {"short": "i2", "uchar": "u1", "float": "f4", "double": "f8", "int": "i4"}[values]
    content = (noise() % 200).astype(dtype).tobytes("F")
    read_scan(text_file(tmp_path, kind, content, values=values))
    refused(text_file(tmp_path, kind, content * 2, values=values), "got .* 5 slices more")
    refused(text_file(tmp_path, kind, content[:-20], values=values), "bytes that its header promises")


def compressed(path, values):
    """Writes values compressed; returns the file that holds the stream and where it begins."""
    sitk.WriteImage(image_of(values), str(path), useCompression=True)
    (data,) = [file for file in path.parent.iterdir() if file != path] or [path]
    return data, read_text_header(path).length if data == path else 0


def complaint(path):
    try:
        check_whole("a", path, source_of(path).format)
    except ScanError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii.gz"])
def test_a_stream_that_unpacks_to_far_more_than_is_promised_is_left_in_the_middle(tmp_path, name):
    bomb = bytes(8 * CHUNK_BYTES)
    if name == "a.nrrd":
        text_file(tmp_path, "nrrd", gzip.compress(bomb)[:-8], "gzip")  # its end is not looked at
    else:
        whole = gzip.compress(nibabel.Nifti1Image(noise(), np.eye(4)).to_bytes() + bomb)
        (tmp_path / name).write_bytes(whole[:-8])
    assert "more than twice as many" in complaint(tmp_path / name)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_small_file_that_claims_to_be_huge_is_refused_at_once(tmp_path, suffix):
    claim, content = "400 400 400", zlib.compress(b"\0" * 100_000)
    if suffix == ".nii.gz":
        image = nibabel.Nifti1Image(noise(), np.eye(4))
        raw = bytearray(image.to_bytes())
        struct.pack_into("<3h", raw, 42, 400, 400, 400)
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(raw))
    else:
        text_file(tmp_path, suffix[1:], gzip.compress(b"\0" * 100_000) if suffix == ".nrrd" else content, "gzip")
        path = tmp_path / f"a{suffix}"
        path.write_bytes(path.read_bytes().replace(b"7 6 5", claim.encode()))
    refused(source_of(tmp_path / f"a{suffix}"), "bytes that its header promises, got .* compressed")


def test_gzip_in_two_members_within_nrrd_is_whole(tmp_path):
    content = noise().astype("i2").tobytes("F")
    source = text_file(tmp_path, "nrrd", gzip.compress(content[:100]) + gzip.compress(content[100:]), "gzip")
    np.testing.assert_array_equal(read_scan(source).voxels, noise()[::-1, ::-1])


@pytest.mark.parametrize("byte", [b"\0", b"\x07"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_one_byte_all_over_is_known_before_memory_is_asked_for(tmp_path, monkeypatch, suffix, byte):
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image_of(np.full((9, 8, 7), byte[0], np.uint8)), str(path), useCompression=True)
    check_whole("a", path, source_of(path).format)  # a small one may be an empty label map
    monkeypatch.setattr(whole_file, "MOST_CONSTANT_BYTES", 100)
    monkeypatch.setattr(sitk.ImageFileReader, "Execute", lambda self: pytest.fail("it was read"))
    refused(source_of(path), "wanted an image, got one value in every voxel")


def test_compressed_voxels_without_their_size_are_refused(tmp_path):
    """ITK reads memory that nobody wrote to."""
    content = zlib.compress(noise().tobytes("F"))
    head = META.format("CompressedData = True\n", "MET_SHORT")
    (tmp_path / "a.mha").write_bytes(head.encode() + content)
    refused(source_of(tmp_path / "a.mha"), "the size of the compressed voxels in the header, got no CompressedDataSize")
    (tmp_path / "a.mhd").write_text(head.replace("LOCAL", "a.zraw"))  # the whole of another file
    (tmp_path / "a.zraw").write_bytes(content)
    np.testing.assert_array_equal(read_scan(source_of(tmp_path / "a.mhd")).voxels, noise()[::-1, ::-1])


def test_a_size_of_compressed_voxels_beyond_the_file_is_named(tmp_path):
    content = zlib.compress(noise().tobytes("F"))
    head = META.format(f"CompressedData = True\nCompressedDataSize = {len(content) + 9}\n", "MET_SHORT")
    (tmp_path / "a.mha").write_bytes(head.encode() + content)
    refused(source_of(tmp_path / "a.mha"), f"with {len(content)} bytes in the file")
