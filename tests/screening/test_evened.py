"""Copies through other windows and with noise in air agree; what one of two copies lacks is not compared."""

import numpy as np
from scipy.ndimage import gaussian_filter

from orienteer.screening.evened import evened, in_both


def image(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    body = np.zeros((30, 30, 30), np.float32)
    texture = gaussian_filter(rng.normal(size=body.shape), 2)
    body[6:24, 6:24, 6:24] = (100 + 400 * texture)[6:24, 6:24, 6:24]
    return np.clip(body, 0, 255).astype(np.float32)


def test_air_and_what_a_window_cut_off_are_not_compared() -> None:
    one = image(0)
    two = one.copy()
    two[6:12, 6:24, 6:24] = 255
    compared = in_both(one, two)
    assert not compared[:4].any()
    assert not compared[8:10, 9:21, 9:21].any()
    assert compared[15:20, 10:20, 10:20].mean() > 0.9


def test_values_after_any_rising_curve_are_the_same() -> None:
    one = image(1)
    curved = np.rint(255 * (np.rint(one) / 255) ** 0.5).astype(np.float32)
    body = in_both(one, one)
    difference = np.abs(evened(one, body) - evened(curved, body))[body]
    assert np.quantile(difference, 0.95) < 6
    assert np.abs(one - curved)[body].mean() > 30
