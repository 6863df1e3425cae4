"""Sides: views lie where their label says, and the histogram baseline gives an accuracy per case and question."""

import numpy as np
import pytest

from orienteer.comparison.measures.sides import QUESTIONS, measure_sides_baseline, side_views
from orienteer.comparison.plan.cell import Baseline
from orienteer.comparison.plan.measurements import HISTOGRAM, SidesSettings


@pytest.fixture(scope="module")
def case(bench, preparation):
    return bench.part(preparation, "pretraining")[0]


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("size", [(8, 8, 8), (7, 9, 5)])
def test_views_lie_in_the_scan_and_on_the_side_of_their_label(case, axis, size):
    starts, sides = side_views(case, size, 40, axis, seed=0)
    room = np.array(case.shape_vox) - size
    assert (starts >= 0).all()
    assert (starts <= room).all()
    assert sides.sum() == 20
    share = starts[:, axis] / room[axis]
    rounding = 0.5 / room[axis]
    assert (share[sides == 0] <= 0.4 + rounding).all()
    assert (share[sides == 1] >= 0.6 - rounding).all()


def test_views_that_are_larger_than_the_scan_cover_it(case):
    size = tuple(edge + 4 for edge in case.shape_vox)
    starts, _ = side_views(case, size, 10, 0, seed=0)
    assert (starts <= 0).all()
    assert (starts >= -4).all()


def test_views_depend_on_scan_and_seed_alone(case):
    first, again, other = (side_views(case, (8, 8, 8), 6, 2, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_baseline_has_an_accuracy_for_every_case_and_question(bench, preparation):
    baseline = Baseline(HISTOGRAM, preparation, (8, 8, 8))
    outcome = measure_sides_baseline(bench, baseline, SidesSettings(views=8), seed=0, part="test")
    names = {case.name for case in bench.part(preparation, "test")}
    assert {(value.case, value.metric) for value in outcome.values} == {
        (name, f"{question}_accuracy") for name in names for question in QUESTIONS
    }
    assert all(value.value in np.arange(9) / 8 for value in outcome.values)
