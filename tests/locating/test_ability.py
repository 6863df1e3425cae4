"""What is said of a run that learned nothing about places."""

from pathlib import Path

from orienteer.locating.ability import ability_warning, knows_places
from orienteer.tasks import TASKS


def test_tasks_that_know_places_are_those_that_compare_or_predict_them():
    knowing = {name for name, task in TASKS.items() if knows_places(task)}
    assert {"gap", "route", "dense_gap", "similarity", "place_contrast"} <= knowing
    assert not {"reconstruction", "rotation"} & knowing


def test_an_encoder_of_unknown_origin_is_not_remarked_on(tmp_path: Path):
    assert ability_warning({"method": "default"}, tmp_path) == ()
