"""Scans of a folder by their names in it, and what cannot be used."""

import shutil
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.labelled.prepared import prepare_named
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from tests.helpers.files import noise, write

PREPARATION = Preparation((2.0, 2.0, 2.0))


def test_a_scan_has_its_key_under_every_name(tmp_path: Path) -> None:
    for seed, name in enumerate(("b.nii", "a.nii")):
        write(tmp_path / "scans" / name, noise((20, 20, 20), seed), spacing=(1.0, 1.0, 1.0))
    shutil.copy(tmp_path / "scans" / "a.nii", tmp_path / "scans" / "copy.nii")
    (tmp_path / "scans" / "cut.nii").write_bytes((tmp_path / "scans" / "a.nii").read_bytes()[:3000])
    discovery = discover(tmp_path / "scans", progress=False)
    selection = Selection(modality="MR")
    prepared = prepare_named(discovery, tmp_path / "store", PREPARATION, selection, workers=0, shown=False)
    assert list(prepared.keys) == ["a.nii", "b.nii", "copy.nii"]
    assert prepared.keys["a.nii"] == prepared.keys["copy.nii"] != prepared.keys["b.nii"]
    assert [failure.name for failure in prepared.failures] == ["cut.nii"]
    again = prepare_named(discovery, tmp_path / "store", PREPARATION, selection, workers=0, shown=False)
    assert again.keys == prepared.keys


def test_no_usable_scan_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    write(tmp_path / "scans" / "a.nii", noise((20, 20, 20)))
    (tmp_path / "scans" / "a.nii").write_bytes((tmp_path / "scans" / "a.nii").read_bytes()[:3000])
    discovery = discover(tmp_path / "scans", progress=False)
    with pytest.raises(InputError, match="scans: wanted at least one that can be used, got 1 that cannot; a.nii"):
        prepare_named(discovery, tmp_path / "store", PREPARATION, workers=0, shown=False)
