"""The guess of the modality from the values."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.phantoms.torso import phantom
from orienteer.scans.modality import check_hounsfield, guess_modality


@pytest.mark.parametrize(
    ("values", "modality"),
    [
        (phantom(1, (24, 24, 32), 15.0).voxels, "CT"),
        ((np.random.default_rng(0).normal(0, 60, (20, 20, 20)) + np.linspace(-60, 300, 20)).round(), "CT"),
        (np.random.default_rng(0).gamma(2, 150, (20, 20, 20)), "MR"),
        (np.random.default_rng(0).normal(0, 1, (20, 20, 20)), "MR"),
        (np.random.default_rng(0).gamma(2, 1e5, (20, 20, 20)), "MR"),
        (np.random.default_rng(0).integers(0, 256, (20, 20, 20)), "MR"),
    ],
    ids=["torso", "crop without air", "MR", "standardised MR", "huge MR", "8 bits"],
)
def test_guess_of_the_modality(values, modality):
    assert guess_modality(values.astype(np.float32)) == modality


def torso_hu() -> np.ndarray:
    return phantom(1, (24, 24, 32), 15.0).voxels.astype(np.float32)


@pytest.mark.parametrize("offset", [1000, 1024])
@pytest.mark.parametrize("padding", [False, True])
def test_a_ct_with_its_offset_in_it_is_refused(offset, padding):
    values = torso_hu() + offset
    if padding:
        values[:3] = -2000
    with pytest.raises(
        ScanError, match=r"a.nii: wanted HU, with air at -1000, got values from .* an offset of about 1024"
    ):
        check_hounsfield("a.nii", values, "CT")
    assert check_hounsfield("a.nii", values, "MR") == ()


@pytest.mark.parametrize(
    "values",
    [
        torso_hu(),
        np.where(np.indices((20, 20, 20))[0] < 3, -2000, torso_hu()[:20, :20, :20]).astype(np.float32),
        np.clip(torso_hu(), -125, 275),
        (np.random.default_rng(0).normal(0, 60, (20, 20, 20)) + np.linspace(-60, 1300, 20)).astype(np.float32),
    ],
    ids=["torso", "padded", "soft-tissue window", "crop with much bone"],
)
def test_a_ct_in_hu_passes(values):
    assert check_hounsfield("a.nii", values, "CT") == ()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 40)])
def test_a_normalised_ct_is_refused(low, high):
    with pytest.raises(ScanError, match="wanted HU, .* got values from"):
        check_hounsfield("a.nii", np.linspace(low, high, 1000, dtype=np.float32).reshape(10, 10, 10), "CT")


def test_a_ct_without_anything_below_zero_is_asked_about():
    values = np.linspace(0, 255, 1000, dtype=np.float32).reshape(10, 10, 10)
    assert check_hounsfield("a.nii", values, "CT") == ("a CT without a value below 0 (from 0 to 255): are these HU?",)


def test_negative_values_that_were_read_as_unsigned_are_refused():
    values = torso_hu()
    values[values < 0] += 65536
    with pytest.raises(ScanError, match="wanted HU, at most 32767, got values up to 65535"):
        check_hounsfield("a.nii", values, "CT")
