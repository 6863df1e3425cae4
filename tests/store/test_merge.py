"""Stores of parts become the store of the whole, whatever was twice; nothing damaged or of other settings gets in."""

import errno
import os
import shutil

import numpy as np
import pytest

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.store.index import Index
from orienteer.store.merge import merge
from orienteer.store.shard import shard_of
from orienteer.store.store import Store, array_path
from orienteer.store.tables import Tables
from tests.helpers.files import write
from tests.helpers.stores import SETTINGS, prepare_here, tissue

WORDS = ["--spacing-mm", "1,1,1", "--modality", "MR", "--accelerator", "cpu", "--workers", "0"]


@pytest.fixture
def scans(folder):
    """Five scans, one of them there twice in different parts, and one that fails."""
    shutil.copy(folder / "scan0.nii.gz", folder / "scan0b.nii.gz")
    write(folder / "scan3.nii.gz", tissue(3), spacing=(1.0, 1.0, 1.0))
    write(folder / "odd.nii.gz", np.full((20, 20, 20), 7, np.int16))
    return folder


@pytest.fixture
def parts(scans, tmp_path):
    for part in "12":
        prepare_here(shard_of(discover(scans, progress=False), f"{part}/2"), tmp_path / part)
    return str(tmp_path / "1"), str(tmp_path / "2")


def arrays(store):
    return {path.name: path.read_bytes() for path in store.glob("arrays/*/*")}


def test_the_command_joins_the_parts_to_what_preparing_all_scans_gives(scans, tmp_path, capsys):
    parts = [str(tmp_path / part) for part in "12"]
    for part in parts:
        assert main(["prepare", str(scans), "--store", part, "--shard", f"{part[-1]}/2", *WORDS]) == 0
    capsys.readouterr()
    assert main(["merge", *parts, "--out", str(tmp_path / "all")]) == 0
    assert capsys.readouterr().out.startswith(
        f"4 scans in {tmp_path / 'all'}, 4 of them new; 1 were in several of them"
    )
    assert main(["prepare", str(scans), "--store", str(tmp_path / "whole"), *WORDS]) == 0
    assert arrays(tmp_path / "all") == arrays(tmp_path / "whole")
    assert len(arrays(tmp_path / "all")) == 4
    with Index.for_reading(tmp_path / "all") as merged, Index.for_reading(tmp_path / "whole") as whole:
        assert list(merged.entries()) == list(whole.entries())
        assert merged.failures() == whole.failures()
    assert [path for path in (tmp_path / "all").rglob("*") if path.name.startswith(".")] == []


def test_the_merged_store_stays_when_the_parts_are_deleted_and_a_second_call_adds_nothing(parts, tmp_path):
    first, again = merge(parts, tmp_path / "all"), merge(parts, tmp_path / "all")
    assert (first.scans, first.added, again.scans, again.added) == (4, 4, 4, 0)
    assert merge((*parts, parts[0]), parts[1]).scans == 4  # into one of them, and one named twice
    for part in parts:
        shutil.rmtree(part)
    with Store.open(tmp_path / "all") as store:
        assert store.verify() == {}


def test_arrays_are_copied_where_there_are_no_links(parts, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", no_links)
    merge(parts, tmp_path / "all")
    assert {path.stat().st_nlink for path in (tmp_path / "all").glob("arrays/*/*")} == {1}
    with Store.open(tmp_path / "all") as store:
        assert store.verify() == {}


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_array_is_named_and_no_row_gets_in(parts, tmp_path, damage):
    with Tables.for_reading(tmp_path / "2") as index:
        path = array_path(tmp_path / "2", index.rows("scans")[0][0])
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if damage == "cut" else content[:-9] + b"not these")
    with pytest.raises(InputError, match=f"stores: wanted arrays as they were written.*{path.name}.*prepare that part"):
        merge(parts, tmp_path / "all")
    if (tmp_path / "all").exists():
        with Tables.for_reading(tmp_path / "all") as index:
            assert index.rows("scans") == []
    path.write_bytes(content)
    assert merge(parts, tmp_path / "all").scans == 4


def test_other_settings_and_other_folders_are_refused(parts, scans, tmp_path):
    prepare_here(scans, tmp_path / "coarse", Preparation((2.0, 2.0, 2.0)))
    with pytest.raises(
        InputError, match=r"coarse: wanted the settings of .*1, got spacing_mm \[2.0, 2.0, 2.0\] in place of"
    ):
        merge((parts[0], str(tmp_path / "coarse")), tmp_path / "all")
    with pytest.raises(InputError, match="coarse: wanted the settings of"):
        merge((parts[0],), tmp_path / "coarse")
    with pytest.raises(InputError, match="wanted a store of prepared scans"):
        merge((str(scans),), tmp_path / "all")
    with pytest.raises(InputError, match="stores: wanted at least one store"):
        merge((), tmp_path / "all")
    assert not (tmp_path / "all").exists()
    assert SETTINGS.fingerprint() != Preparation((2.0, 2.0, 2.0)).fingerprint()
