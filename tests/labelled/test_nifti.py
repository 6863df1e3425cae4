"""Label maps as NIfTI: on the voxels of their scan, without anything else of its header."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.labelled.grids import file_geometry, source_geometry
from orienteer.labelled.nifti import PLACING_BYTES, write_labels
from tests.helpers.files import noise, turned, write

LABELS = np.arange(7 * 6 * 5, dtype=np.uint8).reshape(5, 6, 7)
OBLIQUE = {"spacing": (0.7, 1.1, 2.5), "direction": turned((10, 20, 30), (2, 0, 1), (1, -1, 1))}


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_labels_come_back_on_the_voxels_of_their_scan(tmp_path: Path, name: str, kind: type) -> None:
    source = write(tmp_path / name, noise((7, 6, 5)), **OBLIQUE)
    write_labels(tmp_path / "new" / "out.nii.gz", LABELS.astype(kind), source_geometry(source), source)
    written, scan = (sitk.ReadImage(str(path)) for path in (tmp_path / "new" / "out.nii.gz", source.files[0]))
    assert np.array_equal(sitk.GetArrayFromImage(written), LABELS)
    assert np.allclose(file_geometry(written).corners_mm(), file_geometry(scan).corners_mm(), atol=1e-4)


def test_the_bytes_that_place_a_nifti_scan_are_copied_and_no_others(tmp_path: Path) -> None:
    source = write(tmp_path / "a.nii", noise((7, 6, 5)), **OBLIQUE)
    raw = bytearray(source.files[0].read_bytes())
    raw[148:163] = raw[228:243] = b"Nobody^Invented"  # descrip and aux_file
    source.files[0].write_bytes(bytes(raw))
    write_labels(tmp_path / "out.nii.gz", LABELS, source_geometry(source), source)
    written = gzip.decompress((tmp_path / "out.nii.gz").read_bytes())
    for begin, end in PLACING_BYTES:
        assert (written[begin:end] == raw[begin:end]) or (begin, end) == (123, 124)  # units of time are left out
    assert b"Invented" not in written


def test_a_big_endian_scan_gives_a_big_endian_label_map(tmp_path: Path) -> None:
    source = write(tmp_path / "a.nii", noise((7, 6, 5)), **OBLIQUE)
    little = nibabel.load(source.files[0])
    swapped = nibabel.Nifti1Image(np.asarray(little.dataobj), None, little.header.as_byteswapped(">"))
    swapped.to_filename(source.files[0])
    write_labels(tmp_path / "out.nii.gz", LABELS.astype(np.uint16), source_geometry(source), source)
    written = nibabel.load(tmp_path / "out.nii.gz")
    assert written.header.endianness == ">"
    assert np.array_equal(np.asarray(written.dataobj).T, LABELS)


def test_a_full_disk_leaves_no_file_and_an_earlier_one_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.nii", noise((7, 6, 5)))
    (tmp_path / "out.nii.gz").write_bytes(b"earlier")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="room for a prediction, got No space left on device"):
        write_labels(tmp_path / "out.nii.gz", LABELS, source_geometry(source), source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii", "out.nii.gz"]
    assert (tmp_path / "out.nii.gz").read_bytes() == b"earlier"
