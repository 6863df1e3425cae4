"""What is kept for the next start."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from orienteer.explorer import explorer as explorer_module
from orienteer.explorer import kept as module
from orienteer.explorer import kept_features as features_module
from orienteer.explorer.explorer import Explorer
from orienteer.explorer.kept import Kept
from orienteer.explorer.open_scan import open_scan
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection

PREPARATION = Preparation((2.0, 2.0, 2.0))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled as soon as they are written."""
    monkeypatch.setattr(module, "SETTLED_S", -1.0)


@pytest.mark.usefixtures("at_once")
def test_the_second_start_reads_and_computes_nothing(
    loaded: LoadedRun, new_scans: list[Path], points_mm: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Explorer(loaded, *(open_scan(path, loaded, Kept(tmp_path)) for path in new_scans), kept=Kept(tmp_path))
    first.prepare(shown=False)
    for name in ("prepare_and_show", "discover"):
        monkeypatch.setattr(f"orienteer.explorer.open_scan.{name}", lambda *_: pytest.fail("read again"))
    for name in ("compute_features", "place_maps"):
        monkeypatch.setattr(explorer_module, name, lambda *_: pytest.fail("computed again"))
    again = Explorer(loaded, *(open_scan(path, loaded, Kept(tmp_path)) for path in new_scans), kept=Kept(tmp_path))
    again.prepare(shown=False)
    assert again.first.warnings == first.first.warnings
    np.testing.assert_array_equal(again.first.shown.voxels, first.first.shown.voxels)
    np.testing.assert_array_equal(again.heat(points_mm[0], "second").codes, first.heat(points_mm[0], "second").codes)
    assert again.same_place(points_mm[0]) == first.same_place(points_mm[0])
    assert again.progress == {"first": 1.0, "second": 1.0, "maps": 1.0}


@pytest.mark.usefixtures("at_once")
def test_other_weights_are_computed_anew(loaded: LoadedRun, new_scans: list[Path], tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    scan = open_scan(new_scans[0], loaded, kept)
    Explorer(loaded, scan, kept=kept).prepare(shown=False)
    (folder,) = (tmp_path / "explored").iterdir()
    names = {file.name for file in folder.iterdir()}
    parameter = next(loaded.network.parameters())
    features_module._hash.cache_clear()
    before = parameter.clone()
    try:
        parameter.add_(1.0)
        Explorer(loaded, scan, kept=kept).prepare(shown=False)
    finally:
        parameter.copy_(before)
        features_module._hash.cache_clear()
    assert len({file.name for file in folder.iterdir()} - names) == 1


@pytest.mark.usefixtures("at_once")
def test_a_changed_file_or_another_preparation_has_another_key(tmp_path: Path) -> None:
    kept, file = Kept(tmp_path / "store"), tmp_path / "a.nii"
    file.write_bytes(b"one")
    key = kept.key(file, Selection(), PREPARATION)
    assert key == kept.key(file, Selection(), PREPARATION) != ""
    assert kept.key(file, Selection(modality="MR"), PREPARATION) != key
    assert kept.key(file, Selection(), Preparation((3.0, 2.0, 2.0))) != key
    (tmp_path / "a.raw").write_bytes(b"voxels beside a header")
    beside = kept.key(file, Selection(), PREPARATION)
    assert beside != key
    file.write_bytes(b"other")
    assert kept.key(file, Selection(), PREPARATION) != beside


def test_a_file_that_was_just_written_is_not_kept(tmp_path: Path) -> None:
    kept, file = Kept(tmp_path), tmp_path / "a.nii"
    file.write_bytes(b"one")
    assert kept.key(file, Selection(), PREPARATION) == ""
    assert kept.key(tmp_path / "gone.nii", Selection(), PREPARATION) == ""
    kept.write("", "scan", {"x": np.arange(3)}, {})
    assert not (tmp_path / "explored").exists()


@pytest.mark.parametrize("harm", ["cut", "changed", "about", "text"])
def test_a_damaged_file_is_not_used(tmp_path: Path, harm: str) -> None:
    kept = Kept(tmp_path)
    kept.write("ab", "scan", {"x": np.arange(1000)}, {"n": 1})
    (file,) = tmp_path.glob("explored/ab/*")
    content = bytearray(file.read_bytes())
    if harm == "changed":
        content[-100] ^= 1
    if harm == "about":
        content[:] = content.replace(rb"{\"n\": 1", rb"{\"n\": 2")
    file.write_bytes(
        {"cut": bytes(content[:-8]), "changed": bytes(content), "about": bytes(content), "text": b"no arrays"}[harm]
    )
    assert kept.read("ab", "scan") is None


def test_the_scans_explored_longest_ago_are_removed(tmp_path: Path) -> None:
    kept = Kept(tmp_path, most_bytes=20_000)
    for age, key in enumerate(["new", "old", "older"]):
        kept.write(key, "scan", {"x": np.zeros(1000)}, {})
        os.utime(next(tmp_path.glob(f"explored/{key}/*")), (time.time() - 100 * age,) * 2)
    kept.write("newest", "scan", {"x": np.zeros(1000)}, {})
    assert {folder.name for folder in (tmp_path / "explored").iterdir()} == {"new", "newest"}


def test_a_store_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "explored").write_text("a file in the way")
    kept = Kept(tmp_path)
    kept.write("ab", "scan", {"x": np.zeros(3)}, {})
    assert kept.note is not None
    assert "Not kept for the next start" in kept.note
    assert kept.read("ab", "scan") is None
