"""The settings of preparing: each changes the fingerprint, and impossible ones are refused."""

from dataclasses import dataclass

import pytest

from orienteer.errors import InputError
from orienteer.scans.preparation import Preparation
from tests.helpers.stores import SETTINGS


@pytest.mark.parametrize(
    "other",
    [
        {"spacing_mm": (1.0, 1.0, 1.5)},
        {"ct_window_hu": (-900.0, 1000.0)},
        {"mr_percentiles": (1.0, 99.5)},
        {"crop_to_body": False},
        {"margin_mm": 6.0},
    ],
)
def test_every_setting_changes_the_fingerprint(other):
    assert Preparation(**({"spacing_mm": (1.0, 1.0, 1.0)} | other)).fingerprint() != SETTINGS.fingerprint()


def test_the_fingerprint_of_a_larger_record_is_that_of_its_settings():
    @dataclass(frozen=True)
    class More(Preparation):
        steps: int = 5

    assert More(spacing_mm=(1.0, 1.0, 1.0), steps=9).fingerprint() == SETTINGS.fingerprint()


@pytest.mark.parametrize(
    "setting",
    [
        {"spacing_mm": (0.0, 1.0, 1.0)},
        {"spacing_mm": (1.0, -1.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"ct_window_hu": (100.0, -100.0)},
        {"mr_percentiles": (50.0, 50.0)},
        {"mr_percentiles": (-1.0, 99.0)},
        {"margin_mm": -1.0},
    ],
)
def test_settings_that_cannot_be_are_refused(setting):
    with pytest.raises(InputError, match=f"{next(iter(setting))}: wanted"):
        Preparation(**setting)


def test_a_spacing_that_is_not_chosen_yet_is_refused_when_it_is_needed():
    assert SETTINGS.spacing() == (1.0, 1.0, 1.0)
    with pytest.raises(InputError, match="spacing_mm: wanted a voxel size in mm, got none"):
        Preparation().spacing()
