"""Scans as the page shows them, kept for the next start."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.explorer.explorer import Explorer
from orienteer.explorer.kept import Kept
from orienteer.explorer.open_scan import open_scan
from orienteer.explorer.shown import keep_shown, kept_scans, kept_shown
from orienteer.runs.loaded import LoadedRun


def test_a_kept_scan_is_the_one_that_was_shown(explorer: Explorer, tmp_path: Path) -> None:
    page, kept = explorer.first.for_page, Kept(tmp_path)
    keep_shown(kept, "ab", page)
    again = kept_shown(kept, "ab")
    assert again is not None
    np.testing.assert_array_equal(again.shown.voxels, page.shown.voxels)
    same = {"shown": replace(again.shown, voxels=page.shown.voxels)}
    assert replace(again, **same) == page
    assert again.shown.voxels.flags.f_contiguous  # as it is sent: without a copy


def test_scans_that_were_opened_are_found_without_the_model(
    loaded: LoadedRun, new_scans: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By config.yaml alone, under the key that the loaded run gave them."""
    monkeypatch.setattr("orienteer.explorer.kept.SETTLED_S", 0.0)
    assert kept_scans(loaded.folder, new_scans) == []
    kept = Kept(Path(loaded.config.store_folder(loaded.folder)))
    opened = [open_scan(path, loaded, kept) for path in new_scans[:1]]
    assert [scan.name for scan in kept_scans(loaded.folder, new_scans[:1])] == [opened[0].name]
    assert kept_scans(loaded.folder, new_scans) == []  # one of two: the page waits for both
    again = open_scan(new_scans[0], loaded, kept)
    np.testing.assert_array_equal(again.stored, opened[0].stored)
    np.testing.assert_array_equal(again.body.body, opened[0].body.body)
    assert (again.bounds_mm, again.value_range) == (opened[0].bounds_mm, opened[0].value_range)


def test_without_a_run_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted a run folder"):
        kept_scans(tmp_path, ["a.nii"])
