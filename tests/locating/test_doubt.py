"""The vote of several templates, and verdicts."""

import numpy as np
import pytest

from orienteer.labelled.grids import grid_geometry
from orienteer.locating.answers import FOUND, NOT_SURE, OUTSIDE
from orienteer.locating.doubt import Estimate, fused
from orienteer.locating.verdicts import outside_probability, verdict

GRID = grid_geometry((50, 50, 50), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
"""A field of view of 100 mm along each axis."""


def at(*point: float, bar: float = 10.0, trusted: bool = True) -> Estimate:
    return Estimate(np.array(point, float), bar, trusted)


def test_templates_that_agree_give_a_smaller_error_bar():
    together = fused([at(0, 0, 0), at(1, 0, 0), at(0, 1, 0)])
    assert together.error_bar_mm < 10
    assert together.point_mm == pytest.approx([1 / 3, 1 / 3, 0], abs=0.1)
    assert together.trusted


def test_two_templates_that_disagree_are_not_sure():
    apart = fused([at(0, 0, 0), at(100, 0, 0)])
    assert apart.error_bar_mm > 50
    assert not apart.trusted
    assert verdict(0.0, apart.error_bar_mm, apart.trusted, GRID) == NOT_SURE


def test_one_of_three_that_is_far_off_hardly_counts():
    assert np.linalg.norm(fused([at(0, 0, 0), at(1, 0, 0), at(200, 0, 0)]).point_mm) < 5


def test_a_template_that_is_not_trusted_has_no_vote():
    assert fused([at(0, 0, 0), at(50, 0, 0, trusted=False)]).point_mm == pytest.approx([0, 0, 0])


def test_verdicts_follow_the_distance_from_the_border():
    inside, border, beyond = (outside_probability(np.array([50.0, 50.0, z]), 10.0, GRID) for z in (50.0, 98.8, 120.0))
    assert [verdict(each, 10.0, True, GRID) for each in (inside, border, beyond)] == [FOUND, NOT_SURE, OUTSIDE]


def test_a_place_that_may_lie_anywhere_in_a_part_of_the_scan_is_not_sure():
    diagonal_mm = 100 * 3**0.5
    assert verdict(0.0, 0.12 * diagonal_mm, True, GRID) == FOUND
    assert verdict(0.0, 0.13 * diagonal_mm, True, GRID) == NOT_SURE
    assert verdict(0.9, 0.13 * diagonal_mm, True, GRID) == OUTSIDE
