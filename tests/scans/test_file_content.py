"""Files are what their bytes say, whatever their names say."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.labelled.datasets import Case
from orienteer.labelled.grids import grid_geometry, source_geometry
from orienteer.labelled.label_maps import read_label_map
from orienteer.labelled.nifti import write_labels
from orienteer.scans.discover import discover
from orienteer.scans.file_content import format_of, image_reader, is_pair_header
from orienteer.scans.label_maps import looks_like_labels
from orienteer.scans.read import header, read_scan
from tests.helpers.files import label_map, noise, source_of, write

MISNAMED = ["plain.nii.gz", "zipped.nii"]


def misnamed(path, values):
    """Writes a NIfTI file whose ending is wrong about gzip."""
    plain = write(path.with_name("right.nii"), values).files[0]
    content = plain.read_bytes()
    plain.unlink()
    path.write_bytes(gzip.compress(content) if path.suffix == ".nii" else content)
    return source_of(path)


@pytest.mark.parametrize("name", MISNAMED)
def test_a_misnamed_nifti_is_read_as_what_it_is(tmp_path, name):
    source = misnamed(tmp_path / name, noise((12, 11, 10)))
    right = write(tmp_path / "right.nii.gz", noise((12, 11, 10)))
    scan, expected = read_scan(source), read_scan(right)
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    assert (scan.origin_mm, header(source).shape_vox) == (expected.origin_mm, (12, 11, 10))
    assert source_geometry(source) == source_geometry(right)
    assert [item.name for item in discover(tmp_path).sources] == sorted([name, "right.nii.gz"])


@pytest.mark.parametrize("name", MISNAMED)
def test_a_misnamed_label_map_is_known_and_read(tmp_path, name):
    labels = misnamed(tmp_path / name, label_map())
    assert looks_like_labels(labels.files[0])
    scan = write(tmp_path / "scan.nii.gz", noise((20, 20, 20)))
    values, _ = read_label_map(Case("scan", scan, labels.files[0]), [0, 1, 2])
    np.testing.assert_array_equal(values.transpose(2, 1, 0), label_map())


@pytest.mark.parametrize("name", MISNAMED)
def test_labels_on_the_grid_of_a_misnamed_scan(tmp_path, name):
    source = misnamed(tmp_path / name, noise())
    geometry = source_geometry(source)
    write_labels(tmp_path / "out.nii.gz", np.ones((5, 6, 7), np.uint8), geometry, source)
    assert source_geometry(source_of(tmp_path / "out.nii.gz")) == geometry
    assert geometry != grid_geometry((7, 6, 5), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("suffix", "expected"), [(".nii", "NIfTI"), (".nii.gz", "NIfTI"), (".nrrd", "NRRD"), (".mha", "MetaImage")]
)
def test_format_by_content(tmp_path, suffix, expected):
    path = write(tmp_path / f"a{suffix}", noise()).files[0]
    assert format_of(path) == expected
    path.write_text("ObjectType of another kind")
    assert format_of(path) is None


def test_an_empty_or_broken_file_has_no_format(tmp_path):
    for content in (b"", b"\x1f\x8b", b"\x1f\x8b\x08broken"):
        (tmp_path / "a").write_bytes(content)
        assert format_of(tmp_path / "a") is None
        assert not is_pair_header(tmp_path / "a")


def test_the_link_to_a_misnamed_file_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with image_reader(misnamed(tmp_path / "a.nii", noise()).files[0]) as reader:
        assert isinstance(reader.Execute(), sitk.Image)
    assert list((tmp_path / "temporary").iterdir()) == []
