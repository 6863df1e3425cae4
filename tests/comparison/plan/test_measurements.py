"""Settings of measurements on frozen features, and their baselines."""

import pytest

from orienteer.comparison.config import DOWNSTREAM, make_config
from orienteer.comparison.plan.measurements import (
    BASELINES,
    FROZEN,
    ProbeSettings,
    RetrievalSettings,
    SidesSettings,
    resolve_measurements,
)
from orienteer.errors import InputError


def test_every_measurement_on_frozen_features_has_settings_and_a_baseline():
    assert set(FROZEN) == set(BASELINES) == set(DOWNSTREAM) - {"finetune"}


def test_only_what_is_measured_is_resolved_in_the_order_asked_for():
    config = make_config({"downstream": ["sides", "finetune", "probe"], "sides": {"views": 4}})
    measurements = resolve_measurements(config)
    assert list(measurements.items()) == [("sides", SidesSettings(views=4)), ("probe", ProbeSettings())]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"probe": {"voxel": 3}}, "did you mean voxels"),
        ({"probe": {"kind": "forest"}}, "one of ridge, logistic, knn"),
        ({"retrieval": {"ends": ["head", "top"]}}, r"retrieval.ends: wanted names among left, right.*got top"),
    ],
)
def test_impossible_settings_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        resolve_measurements(make_config(settings))


def test_ends_from_yaml_become_a_tuple():
    measurements = resolve_measurements(make_config({"retrieval": {"ends": ["front"]}}))
    assert measurements["retrieval"] == RetrievalSettings(ends=("front",))
