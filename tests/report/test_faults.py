"""A faulty header places the same voxels wrongly."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.report.faults import (
    COMMON_FAULTS,
    FAULTS,
    ORIENTATION_FAULTS,
    SOUND,
    SPACING_FAULTS,
    Fault,
    apply_fault,
    write_faulty_copies,
)
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, Selection


def odd_scan() -> Scan:
    values = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    return Scan("odd", values, (1.0, 2.0, 3.0), (4.0, -5.0, 6.0), np.eye(3), "CT", "NIfTI")


UNEVEN = Fault((1,), (0, 1, 2), (2.0, 1.0, 0.5))


@pytest.mark.parametrize("fault", [*FAULTS, UNEVEN], ids=lambda fault: fault.name)
def test_a_fault_and_its_inverse_change_nothing(fault):
    scan = odd_scan()
    for faulty in (
        apply_fault(apply_fault(scan, fault), fault.inverse),
        apply_fault(apply_fault(scan, fault.inverse), fault),
    ):
        np.testing.assert_array_equal(faulty.voxels, scan.voxels)
        np.testing.assert_allclose(faulty.spacing_mm, scan.spacing_mm)
    assert fault.inverse.inverse.orientation == fault.orientation
    np.testing.assert_allclose(fault.inverse.inverse.factors, fault.factors)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_a_fault_has_the_orientation_that_it_was_made_of(orientation):
    fault = Fault.of(orientation)
    assert fault.orientation == orientation
    assert (fault == SOUND) == (orientation == ORIENTATIONS[0])
    np.testing.assert_array_equal(apply_fault(odd_scan(), fault).voxels, orientation.of_array(odd_scan().voxels))


def test_mirroring_comes_before_swapping():
    """As runs and reports made before have it."""
    voxels = odd_scan().voxels
    faulty = apply_fault(odd_scan(), Fault(mirrored=(0,), swapped=(0, 1)))
    np.testing.assert_array_equal(faulty.voxels, np.swapaxes(np.flip(voxels, 0), 0, 1))


def test_all_47_wrong_orientations_and_16_wrong_voxel_sizes_are_tried():
    assert {fault.orientation for fault in ORIENTATION_FAULTS} == set(ORIENTATIONS[1:])
    assert len(ORIENTATION_FAULTS) == 47
    assert len(set(SPACING_FAULTS)) == 16
    assert set(COMMON_FAULTS) <= set(FAULTS)


def test_faults_that_are_the_same_are_equal():
    assert Fault(swapped=(1, 2, 0)) == Fault(swapped=(0, 1, 2)) != Fault(swapped=(0, 2, 1))
    assert Fault(mirrored=(2, 0)) == Fault(mirrored=(0, 2))
    assert Fault(spacing_factor=(2.0, 2.0, 2.0)) == Fault(spacing_factor=2.0)


def test_spacing_factors_belong_to_the_axes_as_stated():
    faulty = apply_fault(odd_scan(), Fault(swapped=(0, 2), spacing_factor=(2.0, 1.0, 1.0)))
    assert faulty.spacing_mm == (6.0, 2.0, 1.0)


def test_a_swap_takes_the_spacing_along():
    assert apply_fault(odd_scan(), Fault(swapped=(0, 2))).spacing_mm == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("fault", [*COMMON_FAULTS, UNEVEN], ids=lambda fault: fault.name)
def test_a_written_copy_is_read_back_with_its_fault(torsos, tmp_path, fault):
    source = discover(torsos, progress=False).sources[0]
    copies = write_faulty_copies(source, [fault], tmp_path / "copies")
    assert list(copies.values()) == [fault]
    assert fault.name[:20] in next(iter(copies))
    copy = read_scan(discover(tmp_path / "copies", progress=False).sources[0], Selection(modality="CT"))
    wanted = apply_fault(read_scan(source), fault)
    np.testing.assert_array_equal(copy.voxels, wanted.voxels)
    np.testing.assert_allclose(copy.spacing_mm, wanted.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(copy.origin_mm, wanted.origin_mm, atol=1e-3)


@pytest.mark.parametrize("fault", [Fault(mirrored=(3,)), Fault(swapped=(1, 1)), Fault(swapped=(1,))])
def test_other_axes_are_refused(fault):
    with pytest.raises(InputError, match="axes among 0, 1 and 2"):
        apply_fault(odd_scan(), fault)


def test_a_spacing_of_zero_is_refused():
    with pytest.raises(InputError, match="spacing_factor: wanted a number above 0, got 0"):
        apply_fault(odd_scan(), Fault(spacing_factor=0.0))


def test_every_fault_has_its_own_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert Fault().name == SOUND.name == "sound"
