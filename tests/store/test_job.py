"""One scan to a complete array in the store: adopted after a kill, refused where a file changes or the disk is full."""

import errno
import os

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.store import job
from orienteer.store.arrays import ArrayFile
from orienteer.store.store import Store, array_path
from tests.helpers.files import write
from tests.helpers.stores import SETTINGS, delete_row, prepare_here, tissue


def test_an_array_whose_row_was_not_written_is_adopted(folder, tmp_path, monkeypatch):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    with Store.open(store) as reader:
        before = list(reader.entries(SETTINGS.fingerprint()))
    delete_row(store, report.keys[1])
    monkeypatch.setattr(job, "prepare_scan", None)  # adopting needs no preparing
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (0, 3, report.keys)
    with Store.open(store) as reader:
        assert list(reader.entries(SETTINGS.fingerprint())) == before
        assert reader.verify() == {}


def test_an_array_without_a_row_that_is_damaged_is_rewritten(folder, tmp_path):
    store = tmp_path / "store"
    key = prepare_here(folder, store).keys[1]
    delete_row(store, key)
    array_path(store, key).write_bytes(b"not an array")
    assert prepare_here(folder, store).prepared == 1
    with Store.open(store) as reader:
        assert reader.verify() == {}


def test_an_array_without_a_row_is_adopted_only_if_it_is_whole(folder, tmp_path):
    """No row, no checksum of the file: the array has one of its own content."""
    store = tmp_path / "store"
    key = prepare_here(folder, store).keys[1]
    path = array_path(store, key)
    whole = path.read_bytes()
    for place in range(200, len(whole), len(whole) // 12):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        delete_row(store, key)
        report = prepare_here(folder, store)
        assert len(report.keys) == 3
        with Store.open(store) as reader:
            np.testing.assert_array_equal(
                reader.read(key, (0, 0, 0), reader.scan(key).shape_vox), _voxels(tmp_path, whole)
            )


def _voxels(folder, content):
    (folder / "whole.b2nd").write_bytes(content)
    array = ArrayFile(folder / "whole.b2nd")
    return array.read((0, 0, 0), array.shape_vox)


def test_a_file_that_changes_while_it_is_read_is_not_stored(folder, tmp_path, monkeypatch):
    real = job.prepare_scan

    def meddling(source, *arguments):
        arrays = real(source, *arguments)
        if source.name == "scan1.nii.gz":
            write(source.files[0], tissue(99), spacing=(1.0, 1.0, 1.0))
        return arrays

    monkeypatch.setattr(job, "prepare_scan", meddling)
    report = prepare_here(folder, tmp_path / "store")
    assert [failure.name for failure in report.failures] == ["scan1.nii.gz"]
    assert "changed while it was read" in report.failures[0].reason


def test_a_disk_that_fills_up_while_writing_stops_the_run_cleanly(folder, tmp_path, monkeypatch):
    store = tmp_path / "store"
    real, written = os.fsync, []

    def full_after_one(descriptor):
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if name.endswith(".part") and "/arrays/" in name:
            written.append(descriptor)
            if len(written) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to tell which file is being written")
    monkeypatch.setattr(os, "fsync", full_after_one)
    with pytest.raises(InputError, match=r"disk of the store .* MB free, got .* MB"):
        prepare_here(folder, store)
    monkeypatch.undo()
    assert len(list(store.glob("arrays/*/*"))) == 1  # one whole array, nothing half written
    report = prepare_here(folder, store)
    assert (report.prepared, report.reused, report.failures) == (2, 1, ())


def test_a_quota_that_is_used_up_is_not_called_a_full_disk(folder, tmp_path, monkeypatch):
    def over_quota(*_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(job, "write_bytes", over_quota)
    with pytest.raises(InputError, match=r"wanted 0.0 MB free, got your disk quota used up. Do this: free some space"):
        prepare_here(folder, tmp_path / "store")


def test_a_disk_too_small_for_the_next_array_stops_before_writing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "free_bytes", lambda _: 500)
    with pytest.raises(InputError, match=r"wanted 0.0 MB free, got 0.0 MB"):
        prepare_here(folder, tmp_path / "store")
    assert not list((tmp_path / "store").glob("arrays/*/*"))
