"""The guess of the modality from the values."""

import numpy as np
import pytest

from orienteer.phantoms.torso import phantom
from orienteer.scans.modality import guess_modality


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
