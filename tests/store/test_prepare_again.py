"""Preparing a folder again: after kills, with damaged arrays or a damaged index, and into a store that is read-only."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.scans.preparation import Preparation
from orienteer.store import prepare_folder as prepare_module
from orienteer.store.index import FILE_NAME, Index
from orienteer.store.store import Store, array_path
from tests.helpers.files import write
from tests.helpers.stores import SETTINGS, delete_row, prepare_here, tissue


def test_a_kill_while_writing_is_cleaned_up_and_completed(folder, tmp_path):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    key = report.keys[0]
    path = array_path(store, key)
    stray = path.with_name(f"{path.name}.123.tmp")
    stray.write_bytes(path.read_bytes()[:100])
    path.unlink()
    delete_row(store, key)
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (1, 2, report.keys)
    assert not stray.exists()
    with Store.open(store) as reader:
        assert reader.verify() == {}


@pytest.mark.parametrize("left", [None, 700])
def test_a_row_whose_array_is_gone_or_short_is_redone(folder, tmp_path, left):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    path = array_path(store, report.keys[2])
    whole = path.read_bytes()
    path.unlink() if left is None else path.write_bytes(whole[:left])
    again = prepare_here(folder, store)
    assert (again.prepared, again.keys) == (1, report.keys)
    with Store.open(store) as reader:
        assert reader.verify() == {}


def test_a_killed_run_is_completed_by_the_next(folder, tmp_path):
    """A real process, killed without warning after its first scan."""
    store = tmp_path / "store"
    code = (
        "import os, sys\n"
        "from orienteer.store import index, prepare_folder\n"
        "add = index.Index.add_scan\n"
        "def once(*arguments):\n"
        "    add(*arguments)\n"
        "    os.kill(os.getpid(), 9)\n"
        "index.Index.add_scan = once\n"
        "settings = prepare_folder.Preparation(spacing_mm=(1.0, 1.0, 1.0))\n"
        "prepare_folder.prepare_folder(sys.argv[1], sys.argv[2], preparation=settings, workers=0)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder), str(store)], timeout=60, cwd=Path.cwd())
    assert killed.returncode == -9
    report = prepare_here(folder, store)
    assert (report.prepared, report.reused) == (2, 1)


def test_a_damaged_array_is_prepared_again(folder, tmp_path):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    path = array_path(store, report.keys[2])
    whole, status = path.read_bytes(), path.stat()
    path.write_bytes(whole[:-300] + bytes([whole[-300] ^ 1]) + whole[-299:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (1, 2, report.keys)
    assert path.read_bytes() == whole


def test_a_damaged_row_is_made_anew_from_its_array(folder, tmp_path):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    connection = sqlite3.connect(store / FILE_NAME)
    connection.execute("UPDATE scans SET entry = replace(entry, 'MR', 'CT') WHERE key = ?", report.keys[:1])
    connection.commit()
    connection.close()
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (0, 3, report.keys)
    with Store.open(store) as reader:
        assert reader.scan(report.keys[0]).modality == "MR"


def test_an_index_that_is_gone_is_made_anew_from_the_arrays(folder, tmp_path):
    store = tmp_path / "store"
    report = prepare_here(folder, store)
    (store / FILE_NAME).unlink()
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (0, 3, report.keys)


@pytest.fixture
def read_only(monkeypatch):
    """Makes the files of stores read-only, for the superuser too."""

    def touch(path, **_):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    def make():
        monkeypatch.setattr(Path, "touch", touch)
        monkeypatch.setattr(prepare_module, "write_failures", None)
        monkeypatch.setattr(Index, "for_writing", None)

    return make


def test_a_prepared_store_that_may_only_be_read_is_used(folder, tmp_path, read_only):
    cut = (folder / "scan1.nii.gz").read_bytes()[:500]
    (folder / "cut.nii.gz").write_bytes(cut)
    (folder / "copy.nii.gz").write_bytes((folder / "scan0.nii.gz").read_bytes())
    store = tmp_path / "store"
    first = prepare_here(folder, store)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    read_only()
    again = prepare_here(folder, store)
    assert (again.prepared, again.reused, again.keys) == (0, 3, first.keys)
    assert again.duplicates == first.duplicates
    assert [failure.name for failure in again.failures] == ["cut.nii.gz"]
    assert again.failures[0].reason == f"{first.failures[0].reason} (when it was last tried)"
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


@pytest.mark.parametrize("how", ["a new scan", "a damaged array", "other settings", "no store"])
def test_a_store_that_may_only_be_read_and_lacks_a_scan_is_refused(folder, tmp_path, read_only, how):
    store = tmp_path / "store"
    if how != "no store":
        report = prepare_here(folder, store)
    if how == "a damaged array":
        array_path(store, report.keys[0]).write_bytes(b"short")
    if how == "a new scan":
        write(folder / "scan9.nii.gz", tissue(9))
    read_only()
    settings = Preparation(spacing_mm=(2.0, 2.0, 2.0)) if how == "other settings" else SETTINGS
    with pytest.raises(InputError, match=r"wanted a folder that can be written.*Read-only file system"):
        prepare_here(folder, store, settings)
    if how == "a damaged array":
        assert array_path(store, report.keys[0]).read_bytes() == b"short"


def test_a_folder_in_the_place_of_an_array_is_named(folder, tmp_path):
    key = prepare_here(folder, tmp_path / "store").keys[0]
    array = array_path(tmp_path / "store", key)
    array.unlink()
    array.mkdir()
    with pytest.raises(InputError, match=rf"{key}\.b2nd: wanted a file that can be written, got is a directory"):
        prepare_here(folder, tmp_path / "store")
    array.rmdir()
    assert prepare_here(folder, tmp_path / "store").prepared == 1
