"""What is seen in a scan with a wrong header follows from what is seen in the sound one."""

import numpy as np
import pytest
import torch

from orienteer.geometry.orientations import IDENTITY, ORIENTATION_NUMBER, ORIENTATIONS, Orientation
from orienteer.headers.cubes import CoarseScan, CubePolicy
from orienteer.headers.evidence import RIGHT_SIZE, WRONG_SIZES, header_evidence
from orienteer.headers.network import HeaderNetwork
from orienteer.types import TripleMm

POLICY = CubePolicy(extent_mm=60.0, levels=2, edge_vox=6)


@pytest.fixture(scope="module")
def network() -> HeaderNetwork:
    torch.manual_seed(0)
    return HeaderNetwork(levels=2, edge_vox=6).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def cube() -> torch.Tensor:
    return torch.randn(1, 2, 6, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("orientation", ORIENTATIONS[::5], ids=str)
def test_a_turned_scan_is_seen_as_the_sound_one_at_another_place_of_the_list(network, cube, orientation):
    as_it_is, turned = (network.with_each_undone(each) for each in (cube, orientation.of_tensor(cube)))
    for number, undone in enumerate(ORIENTATIONS):
        left = ORIENTATION_NUMBER[orientation.inverse.after(undone)]
        torch.testing.assert_close(turned.logs[0, number], as_it_is.logs[0, left])
        torch.testing.assert_close(turned.log_factors[0, number], as_it_is.log_factors[0, left])


def assert_seen_as_expected(
    network: HeaderNetwork, sound: CoarseScan, faulty: CoarseScan, orientation: Orientation, factors: TripleMm
) -> None:
    """Asserts that a faulty scan is seen as the sound one with that fault is expected to be, both from their centre."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orienteer.headers.evidence.draw_centre_mm", lambda rng, scan: np.zeros(3))
        seen = [header_evidence([network], POLICY, scan, "key") for scan in (sound, faulty)]
    expected = seen[0].if_faulty(orientation, factors)
    np.testing.assert_allclose(seen[1].as_stated.logs, expected.logs, atol=1e-5)
    np.testing.assert_allclose(seen[1].as_stated.sizes, expected.sizes, atol=1e-5)


@pytest.mark.parametrize("orientation", ORIENTATIONS[::5], ids=str)
def test_evidence_of_a_fault_is_that_of_the_faulty_scan(network, orientation):
    """A scan of equal sides, seen from its centre, so that turning it changes nothing else."""
    voxels = np.random.default_rng(0).normal(size=(12, 12, 12)).astype(np.float32)
    sound = CoarseScan(voxels, (5.0, 5.0, 5.0))
    faulty = CoarseScan(np.ascontiguousarray(orientation.of_array(voxels)), (5.0, 5.0, 5.0))
    assert_seen_as_expected(network, sound, faulty, orientation, RIGHT_SIZE)


@pytest.mark.parametrize("factors", WRONG_SIZES[::5], ids=str)
def test_evidence_of_a_wrong_voxel_size_is_that_of_the_faulty_scan(network, factors):
    voxels = np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32)
    sound = CoarseScan(voxels, (5.0, 5.0, 5.0))
    faulty = CoarseScan(voxels, tuple((5.0 * np.array(factors)).tolist()))
    assert_seen_as_expected(network, sound, faulty, IDENTITY, factors)


def test_probabilities_add_up_and_several_networks_are_averaged(network):
    torch.manual_seed(5)
    other = HeaderNetwork(levels=2, edge_vox=6).eval().requires_grad_(False)
    scan = CoarseScan(np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32), (5.0, 5.0, 5.0))
    one, two, both = (
        header_evidence(networks, POLICY, scan, "key") for networks in ([network], [other], [network, other])
    )
    np.testing.assert_allclose(both.logs, (one.logs + two.logs) / 2, atol=1e-6)
    cubes = torch.randn(3, 2, 6, 6, 6)
    torch.testing.assert_close(network.with_each_undone(cubes).logs.exp().sum(-1), torch.ones(3))
