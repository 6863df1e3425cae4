"""Retrieval by the baselines: between copies of a scan nothing is missed, between others errors are of blobs' size."""

import numpy as np
import pytest

from orienteer.comparison.measures.matching import pair_errors_mm
from orienteer.comparison.measures.retrieval import BASELINE_MATCHERS, measure_retrieval_baseline, places_of
from orienteer.comparison.plan.cell import Baseline
from orienteer.comparison.plan.measurements import BASELINES, RetrievalSettings

SETTINGS = RetrievalSettings(partners=1, places=10_000)


def test_every_baseline_has_a_matcher():
    assert set(BASELINE_MATCHERS) == set(BASELINES["retrieval"])


@pytest.mark.parametrize("name", BASELINES["retrieval"])
def test_a_copy_of_a_scan_has_its_places_where_they_are(bench, preparation, name):
    case, matcher = bench.part(preparation, "test")[0], BASELINE_MATCHERS[name]
    with bench.open_store() as store:
        places = places_of(store, case, matcher.extract, SETTINGS, [1, 2])
    assert len(places.names) in (7, 14)  # a blob that the border cuts has no landmarks
    (columns,) = matcher.levels.values()
    errors = pair_errors_mm(places, places, columns, matcher.nearest, case.grid.spacing_mm)
    assert errors == pytest.approx([0.0] * len(places.names))


def test_same_coordinates_miss_by_how_much_the_blobs_lie_elsewhere(bench, preparation):
    baseline = Baseline("same coordinates", preparation, (8, 8, 8))
    outcome = measure_retrieval_baseline(bench, baseline, SETTINGS, seed=0, part="test")
    assert {value.case for value in outcome.values} == set(bench.parts.test)
    errors = [value.value for value in outcome.values]
    assert 0 < np.mean(errors) < 5  # blobs move by at most 2 voxels along an axis
    assert errors[0] == pytest.approx(errors[1])  # each is the other's only partner, and the offsets are opposite
