"""Scans that no memory holds are refused before anything is taken for them."""

import pytest

from orienteer.errors import ScanError
from orienteer.scans import memory
from orienteer.scans.memory import check_size, memory_bytes
from orienteer.scans.preparation import Preparation
from tests.helpers.files import write
from tests.helpers.stores import prepare_here, tissue


def test_the_memory_of_this_machine_is_known():
    assert memory_bytes() is None or 1 << 28 < memory_bytes() < 1 << 45


def test_a_container_may_have_less(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (tmp_path / "none", tmp_path / "memory.max", tmp_path / "missing"))
    assert memory_bytes() == int(1000 * memory.SHARE)


def test_scans_of_usual_sizes_pass():
    check_size("a", (512, 512, 300), "read")
    check_size("a", (4, 4, 900), "read")


def test_too_many_voxels_for_the_memory(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**9)
    with pytest.raises(
        ScanError, match=r"a: wanted a scan that needs at most 1.0 GB of memory, got 1400 x 1400 x 1400 vox"
    ):
        check_size("a", (1400, 1400, 1400), "read")


def test_a_fine_grid_on_a_coarse_scan_is_refused_before_it_is_filled(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**8)
    write(tmp_path / "a.nii.gz", tissue(), spacing=(4.0, 4.0, 4.0))
    report = prepare_here(tmp_path, tmp_path / "store", Preparation((0.1, 0.1, 0.1)))
    assert [(failure.name, failure.step) for failure in report.failures] == [("a.nii.gz", "resample")]
    assert "960 x 800 x 880 voxels, which need 8.1 GB" in report.failures[0].reason
