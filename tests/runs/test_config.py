"""PretrainConfig: values that are refused, plain values in and out."""

import pytest

from orienteer.errors import InputError
from orienteer.runs.config import PretrainConfig, make_config
from orienteer.views.policy import ViewPolicy


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps: wanted a whole number of at least 1, got 0"),
        ({"workers": -1}, "workers: wanted 0 or more"),
        ({"warmup": 1.0}, "warmup: wanted 0 or more and below 1"),
        ({"learning_rate": 0.0}, "learning_rate: wanted above 0"),
        ({"validation_fraction": 1.0}, "validation_fraction: wanted between 0 and 1"),
        ({"validate_every": 0}, "validate_every: wanted at least 1 step"),
        ({"precision": "64"}, "precision: wanted one of 32, bf16, 16"),
        ({"views": 1}, "views: wanted at least 2"),
        ({"batch": 6, "devices": 4}, r"batch: wanted a multiple of .* = 4, got 6. Do this: use --batch 8"),
        ({"distortion": {"mask_shar": 0.5}}, "mask_share"),
        ({"spacing_mm": [1.0, 0.0, 1.0]}, "spacing_mm: wanted three lengths above 0"),
        ({"learning_rat": 0.1}, "did you mean learning_rate"),
    ],
    ids=str,
)
def test_invalid_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_config(settings)


def test_plain_values_make_the_config_that_gives_them() -> None:
    config = make_config({"view_size": [32, 32, 48], "augmentation": {"enabled": False}, "include": ["a*"]})
    assert config.view_size == (32, 32, 48)
    assert not config.augmentation.enabled
    assert make_config(config.to_dict()) == config


def test_a_group_has_the_values_of_the_config() -> None:
    policy = PretrainConfig(views=4, view_size=(16, 16, 32), min_body_fraction=0.5).part(ViewPolicy)
    assert (policy.views, policy.view_size, policy.min_body_fraction) == (4, (16, 16, 32), 0.5)
