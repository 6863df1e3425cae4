"""Disk space: the estimate from headers, and the error that stops a run before any work."""

import pickle

import pytest

from orienteer.errors import InputError
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.store import disk, job
from orienteer.store import prepare_folder as prepare_module
from orienteer.store.disk import DiskFull, disk_full
from tests.helpers.stores import prepare_here


def test_a_disk_that_is_too_small_is_refused_before_any_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "free_bytes", lambda _: 1_000_000)
    monkeypatch.setattr(job, "prepare_scan", None)
    with pytest.raises(InputError, match=r"wanted 33.6 MB free, got 1.0 MB"):
        prepare_here(folder, tmp_path / "store")
    assert not list((tmp_path / "store").glob("arrays/*/*"))


def test_the_estimate_of_the_space_is_near_the_truth(folder, tmp_path):
    sources = discover(folder, progress=False).sources
    estimate = disk.estimated_bytes(sources, Selection(), (1.0, 1.0, 1.0))
    assert estimate == pytest.approx(3 * 24 * 20 * 22 * disk.BYTES_PER_VOXEL, abs=2)
    assert disk.estimated_bytes(sources, Selection(), (2.0, 2.0, 1.0)) == pytest.approx(estimate / 4, abs=2)


def test_the_error_of_a_full_disk_travels_between_processes(tmp_path):
    error = pickle.loads(pickle.dumps(disk_full(tmp_path, 2_000_000, 1_000_000)))
    assert isinstance(error, DiskFull)
    assert f"disk of the store {tmp_path}: wanted 2.0 MB free, got 1.0 MB" in str(error)
    assert "wanted space for the index" in str(disk_full(tmp_path, 0, 0))


def test_scans_whose_header_cannot_be_read_do_not_count(folder):
    (folder / "scan1.nii.gz").write_bytes(b"not a scan")
    sources = discover(folder, progress=False).sources
    whole = disk.estimated_bytes([sources[0]], Selection(), (1.0, 1.0, 1.0))
    assert disk.estimated_bytes(sources, Selection(), (1.0, 1.0, 1.0)) == pytest.approx(3 * whole, abs=3)
    assert disk.estimated_bytes([sources[1]], Selection(), (1.0, 1.0, 1.0)) == 0
