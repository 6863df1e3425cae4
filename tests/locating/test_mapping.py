"""The map between scans: identity for a scan and itself, a known map found again, a part of a scan, another body part."""

import numpy as np
import pytest

from orienteer.locating.doubt import estimate
from orienteer.locating.mapping import find_map
from tests.locating.conftest import SPACING

ORIGIN = (30.0, -40.0, 500.0)


@pytest.fixture(scope="module")
def template(field_of, torso_voxels):
    return field_of(torso_voxels)


def inner(template, share: float = 0.5):
    """Places in the inner part of a template's body."""
    places = template.lattice.places_mm
    return places[template.lattice.depths_mm > np.quantile(template.lattice.depths_mm, 1 - share)]


def test_a_scan_and_itself_give_the_identity(template, field_of, torso_voxels):
    found = find_map(template, field_of(torso_voxels, ORIGIN))
    points = inner(template)
    away = np.linalg.norm(found(points) - points - ORIGIN, axis=1)
    assert away.max() < SPACING
    assert found.agreement > 0.9
    assert found.matched > 0.9


def test_a_known_affine_map_is_found_again(template, field_of, torso_voxels, moved):
    matrix, offset = np.diag([0.92, 1.06, 0.95]) + 0.04 * np.eye(3)[[1, 2, 0]], np.array([1.5, -1.0, 2.0])
    # Place x of the moved scan shows place matrix @ x + offset of the template, in voxels.
    found = find_map(template, field_of(moved(torso_voxels, matrix, offset)))
    points = inner(template, 0.3)
    truth = (points / SPACING - offset) @ np.linalg.inv(matrix).T * SPACING
    away = np.linalg.norm(found(points) - truth, axis=1)
    assert np.median(away) < SPACING
    assert np.median(away) < 0.5 * np.median(np.linalg.norm(points - truth, axis=1))


def test_a_part_of_a_scan_lies_where_it_lay(template, field_of, torso_voxels):
    upper = field_of(torso_voxels[:, :, 20:], (0.0, 0.0, 20 * SPACING))
    found = find_map(template, upper)
    points = inner(template)
    shown = points[:, 2] > 20 * SPACING
    assert np.median(np.linalg.norm(found(points[shown]) - points[shown], axis=1)) < SPACING
    gone = points[~shown]
    assert (found(gone)[:, 2] < 21 * SPACING).mean() > 0.9  # the map goes on beyond the field of view


def test_error_bars_grow_where_scans_disagree(template, field_of, torso_voxels):
    rng = np.random.default_rng(0)
    points = inner(template)[:50]
    same = estimate(find_map(template, field_of(torso_voxels)), points)
    noise = np.clip(rng.normal(0, 0.5, torso_voxels.shape), -1, 1).astype(np.float32)
    other = estimate(find_map(template, field_of(noise)), points)
    assert np.mean([each.error_bar_mm for each in other]) > 1.5 * np.mean([each.error_bar_mm for each in same])
    assert all(each.trusted for each in same)
    assert not any(each.trusted for each in other)
