"""Which voxels of one grid lie within the outer edges of another one."""

import numpy as np

from orienteer.scans.scan_grid import has_grid, inside_of, within
from orienteer.scans.source import Scan


def test_voxels_within_half_a_voxel_of_the_last_centres_are_inside():
    inside = within(np.array([-1.0, 0.0, 0.0]), np.diag([0.5, 1.0, 1.0]), (3, 2, 2), (9, 2, 2))
    assert inside[:, 0, 0].tolist() == [False, True, True, True, True, True, True, True, False]


def test_a_scan_covers_its_own_grid():
    scan = Scan("a", np.zeros((4, 5, 6), np.float32), (1.0, 2.0, 3.0), (7.0, 8.0, 9.0), np.eye(3), "MR", "NIfTI")
    assert inside_of(scan, (4, 5, 6), scan.spacing_mm, scan.origin_mm).all()
    assert has_grid(scan, (1.0, 2.0, 3.0))
    assert not has_grid(scan, (1.0, 2.0, 3.1))
