"""The recipe in a card: what is written is read again, and cards of earlier versions are understood."""

import json

import pytest

from orienteer.runs.recipe import ct_window_of, mr_percentiles_of, preparation_of, recipe_facts, spacing_of
from orienteer.scans.preparation import Preparation

PREPARATIONS = [
    Preparation(spacing_mm=(2.0, 2.0, 3.0)),
    Preparation(spacing_mm=(1.5, 1.5, 1.5), ct_window_hu=(-160.0, 240.0), mr_percentiles=(1.0, 99.0)),
    Preparation(spacing_mm=(8.0, 8.0, 8.0), crop_to_body=False, margin_mm=0.0),
]


@pytest.mark.parametrize("preparation", PREPARATIONS, ids=str)
def test_a_preparation_survives_the_card(preparation: Preparation) -> None:
    card = json.loads(json.dumps(recipe_facts(preparation)))
    assert preparation_of(card) == preparation
    assert preparation_of(card).fingerprint() == preparation.fingerprint()


def test_a_card_that_mentions_no_crop_has_the_default_one() -> None:
    card = recipe_facts(PREPARATIONS[2])
    del card["crop"]
    default = Preparation(spacing_mm=(8.0, 8.0, 8.0))
    assert preparation_of(card) == default


def test_whole_numbers_become_floats() -> None:
    ranges = {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0, 100]}}
    card = {"spacing_mm": [1, 1, 2], "intensity": ranges}
    values = (spacing_of(card), ct_window_of(card), mr_percentiles_of(card))
    assert values == ((1.0, 1.0, 2.0), (-1000.0, 1000.0), (0.0, 100.0))
    assert all(type(number) is float for triple in values for number in triple)
