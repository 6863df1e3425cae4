"""A faulty header places the same voxels wrongly."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.report.faults import FAULTS, SOUND, Fault, apply_fault, write_faulty_copies
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, Selection


def odd_scan() -> Scan:
    values = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    return Scan("odd", values, (1.0, 2.0, 3.0), (4.0, -5.0, 6.0), np.eye(3), "CT", "NIfTI")


@pytest.mark.parametrize("fault", FAULTS[:6], ids=lambda fault: fault.name)
def test_mirroring_or_swapping_twice_changes_nothing(fault):
    scan = odd_scan()
    twice = apply_fault(apply_fault(scan, fault), fault)
    np.testing.assert_array_equal(twice.voxels, scan.voxels)
    assert twice.spacing_mm == scan.spacing_mm


def test_a_swap_takes_the_spacing_along():
    assert apply_fault(odd_scan(), Fault(swapped=(0, 2))).spacing_mm == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_written_copy_is_read_back_with_its_fault(torsos, tmp_path, fault):
    source = discover(torsos, progress=False).sources[0]
    copies = write_faulty_copies(source, [fault], tmp_path / "copies")
    (name,) = copies
    assert fault.name in name
    copy = read_scan(discover(tmp_path / "copies", progress=False).sources[0], Selection(modality="CT"))
    wanted = apply_fault(read_scan(source), fault)
    np.testing.assert_array_equal(copy.voxels, wanted.voxels)
    np.testing.assert_allclose(copy.spacing_mm, wanted.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(copy.origin_mm, wanted.origin_mm, atol=1e-3)


@pytest.mark.parametrize("fault", [Fault(mirrored=(3,)), Fault(swapped=(1, 1))])
def test_other_axes_are_refused(fault):
    with pytest.raises(InputError, match="axes among 0, 1 and 2"):
        apply_fault(odd_scan(), fault)


def test_a_spacing_of_zero_is_refused():
    with pytest.raises(InputError, match="spacing_factor: wanted a number above 0, got 0"):
        apply_fault(odd_scan(), Fault(spacing_factor=0.0))


def test_every_fault_has_its_own_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert Fault().name == SOUND.name == "sound"
