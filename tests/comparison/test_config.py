"""CompareConfig: values from YAML and Python become one form, and impossible settings are named."""

import pytest

from orienteer.comparison.config import CompareConfig, make_config
from orienteer.errors import InputError


def test_the_default_settings_stand():
    assert make_config({}) == CompareConfig()


def test_a_config_survives_the_way_through_plain_values():
    config = make_config({"fractions": [1, 0.5], "seeds": [3], "cases": [4, 1, 2], "select": {"learning_rate": [0.1]}})
    assert config.fractions == (1.0, 0.5)
    assert config.cases == (4, 1, 2)
    assert make_config(config.to_dict()) == config


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fraction": [1.0]}, "did you mean fractions"),
        ({"fractions": [0.0]}, "shares above 0 and at most 1"),
        ({"fractions": [0.1, 0.1]}, "each one once"),
        ({"seeds": []}, "seeds: wanted at least one"),
        ({"downstream": ["detection"]}, "one of finetune, probe, retrieval, sides"),
        ({"evaluate": "train"}, "one of validation, test"),
        ({"cases": [1, 1, 1]}, "the first at least 2"),
        ({"cases": [4, 1, 1], "split": "x.json"}, "either cases or split"),
        ({"select": {"learning_rate": 0.1}}, "select.learning_rate: wanted a list"),
        ({"parallel": -1}, "0 or more"),
    ],
)
def test_impossible_settings_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        make_config(settings)
