"""A fine-tuning is resolved completely before any work, or refused."""

import pytest
import torch

from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.resolved import resolve, supports_bf16
from orienteer.finetuning.starting_point import StartingPoint, starting_point

SETTINGS = {
    "encoder": "tiny",
    "encoder_arguments": {"filters": [4, 8, 8], "stem_stride": 1},
    "spacing_mm": (1.0, 1.0, 2.0),
    "store": "store",
    "accelerator": "cpu",
}


def point_of(**settings) -> StartingPoint:
    return starting_point(FinetuneConfig(**{**SETTINGS, **settings}))


@pytest.mark.parametrize("crop_to_body", [False, True])
def test_preparation_and_reading_are_those_of_the_settings(crop_to_body):
    point = point_of(modality="CT", ct_window_hu=(-100.0, 300.0))
    settings = resolve(point, point.config, crop_to_body=crop_to_body)
    assert settings.preparation.spacing_mm == settings.spacing_mm == (1.0, 1.0, 2.0)
    assert settings.preparation.ct_window_hu == (-100.0, 300.0)
    assert settings.preparation.crop_to_body is crop_to_body
    assert settings.selection.modality == "CT"
    assert settings.device == torch.device("cpu")


@pytest.mark.parametrize("name", ["spacing_mm", "store"])
def test_what_is_still_open_is_named(name):
    point = point_of(**{name: None})
    with pytest.raises(InputError, match=f"{name}: wanted a value, got None"):
        resolve(point, point.config, crop_to_body=False)


@pytest.mark.parametrize(
    ("precision", "auto_bf16", "bf16"),
    [("32", True, False), ("bf16", False, True), ("auto", False, False), ("auto", True, None)],
)
def test_the_precision_is_decided_once(precision, auto_bf16, bf16):
    point = point_of(precision=precision)
    settings = resolve(point, point.config, crop_to_body=False, auto_bf16=auto_bf16)
    assert settings.bf16 is (supports_bf16(torch.device("cpu")) if bf16 is None else bf16)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    point = point_of()
    with pytest.raises(InputError, match="accelerator: wanted a GPU"):
        resolve(point, FinetuneConfig(**{**SETTINGS, "accelerator": "gpu"}), crop_to_body=False)
