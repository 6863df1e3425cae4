"""Scans that no memory holds are refused before anything is taken for them."""

import gzip
import sys
import time
import zlib

import nibabel
import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.scans import memory
from orienteer.scans.apart import apart
from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_headers
from orienteer.scans.memory import READ_MORE_BYTES, bounded_reading, check_size, memory_bytes
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import read_scan
from tests.helpers.files import source_of, write
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


def bounded(count):
    """Asks for memory within the bounds of reading a small scan; runs in the process that reads."""
    with bounded_reading((9, 9, 9), []):
        return bytearray(count).count(0)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_reading_takes_little_more_memory_than_the_scan_needs():
    assert apart("a", [], bounded, READ_MORE_BYTES // 2) == READ_MORE_BYTES // 2
    with pytest.raises(ScanError, match="needs more memory than a file may take"):
        apart("a", [], bounded, READ_MORE_BYTES * 2)
    assert apart("a", [], bounded, 1000) == 1000  # the bound is taken away again, and the process lives


def bomb(edge: int, held: int) -> bytes:
    """A gzip stream whose header promises a scan of one byte a voxel, and that holds so many zeros."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((edge, edge, edge))
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    deflate = zlib.compressobj(9, wbits=31)
    pieces = [bytes(min(1 << 20, held - begin)) for begin in range(0, held, 1 << 20)]
    zeros = b"".join([*(deflate.compress(piece) for piece in pieces), deflate.flush()])
    return gzip.compress(header.binaryblock + bytes(4)) + zeros


@pytest.mark.parametrize(
    ("edge", "held", "words"),
    [
        (1400, 96 << 20, "header promises|GB of memory"),
        (448, 448**3, "one value in every voxel"),
        (20, 96 << 20, "more than twice as many"),
    ],
)
def test_a_small_file_that_claims_or_holds_very_much_is_refused_at_once(tmp_path, edge, held, words):
    (tmp_path / "a.nii.gz").write_bytes(bomb(edge, held))
    assert (tmp_path / "a.nii.gz").stat().st_size < 120_000
    discover(tmp_path, progress=False)  # starts the process that reads
    begun = time.process_time()
    (source,) = discover(tmp_path, progress=False).sources
    list(scan_headers([source]))
    with pytest.raises(ScanError, match=words):
        read_scan(source_of(tmp_path / "a.nii.gz"))
    assert time.process_time() - begun < 1
