"""Two scans in memory: a point of one is found in the other, as the explorer asks it."""

import numpy as np
import pytest

from orienteer.locating.answers import FOUND, OUTSIDE
from orienteer.locating.held import PairMap
from tests.locating.conftest import SPACING


def test_points_of_a_scan_lie_where_they_lay_in_its_upper_part(field_of, torso_voxels):
    first, cut = field_of(torso_voxels), 24
    second = field_of(torso_voxels[:, :, cut:], (0.0, 0.0, cut * SPACING))
    deep = first.lattice.depths_mm > np.median(first.lattice.depths_mm)
    points = first.lattice.places_mm[deep]
    high, low = points[points[:, 2] > (cut + 8) * SPACING][:20], points[points[:, 2] < (cut - 8) * SPACING][:20]
    pair = PairMap.between(first, second)
    above, below = pair.places(high), pair.places(low)
    assert np.array([place.point_mm for place in above]) == pytest.approx(high, abs=2 * SPACING)
    assert [place.verdict for place in above].count(FOUND) >= 18
    assert [place.verdict for place in below].count(OUTSIDE) >= 18
