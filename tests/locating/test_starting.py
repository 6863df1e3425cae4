"""The first map by what a run knows of places: exact for exact places, near for noisy ones, none for nonsense."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.locating.affine import Affine
from orienteer.locating.fields import ScanField
from orienteer.locating.heads import KnownPlaces
from orienteer.locating.mapping import find_map
from orienteer.locating.starting import by_known_places, placed_affine
from tests.locating.conftest import SPACING


def known(places_mm: np.ndarray, scales_mm: np.ndarray | None = None) -> KnownPlaces:
    scales = np.ones(places_mm.shape) if scales_mm is None else scales_mm
    nothing = np.zeros((len(places_mm), 0), np.float32)
    return KnownPlaces(places_mm.astype(np.float32), scales.astype(np.float32), nothing, ())


@pytest.fixture
def field(field_of, torso_voxels) -> ScanField:
    return field_of(torso_voxels)


def test_bad_places_do_not_move_the_map():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 300, (500, 3))
    truth = Affine(np.diag([1.1, 0.9, 1.0]), np.array([5.0, 0.0, -20.0]))
    shared, scales = truth(places) + rng.normal(0, 5, places.shape), np.full(places.shape, 5.0)
    shared[:100], scales[:100] = rng.uniform(-500, 500, (100, 3)), 100.0
    found = placed_affine(places, known(shared, scales))
    assert np.linalg.norm(found(places) - truth(places), axis=1).mean() < 2
    without = placed_affine(places, known(shared))  # the fit alone sets most of them aside
    assert np.linalg.norm(without(places) - truth(places), axis=1).mean() < 5


def test_scans_meet_where_their_shared_places_agree(field):
    places = field.lattice.places_mm
    first, second = (Affine(np.diag(size), np.array(offset)) for size, offset in (
        ((0.9, 1.0, 1.0), (3.0, 0.0, 0.0)), ((1.0, 1.0, 1.2), (0.0, -9.0, 4.0))))  # fmt: skip
    one, other = (replace(field, known=known(each(places))) for each in (first, second))
    start = by_known_places(one, other)
    assert start is not None
    assert second(start(places)) == pytest.approx(first(places), abs=1.0)


def test_places_that_say_nothing_give_no_start(field):
    flat = replace(field, known=known(np.zeros((len(field.features), 3))))
    assert by_known_places(flat, flat) is None
    assert by_known_places(field, field) is None  # an encoder alone


def test_known_places_find_a_scan_that_lies_elsewhere(field, field_of, torso_voxels):
    moved = field_of(torso_voxels, (500.0, -300.0, 80.0))
    one = replace(field, known=known(field.lattice.places_mm))
    other = replace(moved, known=known(moved.lattice.places_mm - [500.0, -300.0, 80.0]))
    found = find_map(one, other)
    assert found.source == "places"
    points = field.lattice.places_mm
    assert np.median(np.linalg.norm(found(points) - points - [500.0, -300.0, 80.0], axis=1)) < 4


def test_a_part_of_a_scan_is_placed_by_what_is_known(field, field_of, torso_voxels):
    cut_mm = 28 * SPACING
    upper = field_of(torso_voxels[:, :, 28:], (0.0, 0.0, cut_mm))
    one, other = (replace(each, known=known(each.lattice.places_mm)) for each in (field, upper))
    found = find_map(one, other)
    assert found.source == "places"  # though a map that puts all of the body into the part has more of it inside
    gone = field.lattice.places_mm[field.lattice.places_mm[:, 2] < cut_mm - 4 * SPACING]
    assert (found(gone)[:, 2] < cut_mm).all()
