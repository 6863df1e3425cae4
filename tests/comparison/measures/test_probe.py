"""The baseline of the probe: Dice of each class, and their mean."""

import pytest

from orienteer.comparison.measures.probe import measure_majority_map
from orienteer.comparison.plan.measurements import ProbeSettings


def test_the_mean_dice_is_that_of_the_classes(bench, preparation):
    outcome = measure_majority_map(bench, preparation, ProbeSettings(test_voxels=6000), 1.0, seed=0, part="test")
    by_case = {}
    for value in outcome.values:
        by_case.setdefault(value.case, {})[value.metric] = value.value
    assert set(by_case) == set(bench.parts.test)
    for metrics in by_case.values():
        assert set(metrics) == {"dice_mean", "dice bright", "dice grey"}
        assert metrics["dice_mean"] == pytest.approx((metrics["dice bright"] + metrics["dice grey"]) / 2)
        assert 0 < metrics["dice_mean"] < 1  # blobs lie at about the same place in all cases
