"""Pictures of features: principal components, the map of scans, colours over a scan."""

from pathlib import Path

import numpy as np
import pytest

from orienteer.draw.figures import new_figure
from orienteer.features.pictures import feature_colours, map_of_scans, principal_components
from tests.helpers.ramps import RampEncoder, ramp_store


def test_principal_components_keep_distances_of_flat_data() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 7)) + 3
    places, shares = principal_components(flat, 3)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert np.allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), apart)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] >= shares[1] >= shares[2] >= -1e-12
    again, _ = principal_components(flat[::-1], 3)
    assert np.allclose(again[::-1], places, atol=1e-9)


def test_map_of_one_scan_and_of_equal_scans() -> None:
    for count in (1, 3):
        assert map_of_scans(np.ones((count, 4), np.float32), ["CT"] * count).startswith(b"\x89PNG")
    assert new_figure(100, 100).axes == []


def test_components_beyond_the_data_are_zero_and_the_fit_rows_decide() -> None:
    rows = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 50.0]])
    places, shares = principal_components(rows, 3, fit=np.array([True, True, False]))
    assert np.allclose(np.abs(places[:2, 0]), 1)
    assert places[2, 0] == pytest.approx(-1)  # the direction of the first two rows alone
    assert places.shape == (3, 3)
    assert (places[:, 2] == 0).all()
    assert shares.tolist() == [1.0, 0.0, 0.0]


def test_the_colours_of_a_scan_are_drawn(tmp_path: Path) -> None:
    store, key, _ = ramp_store(tmp_path, (20, 16, 18))
    picture = feature_colours(RampEncoder.frozen((16, 16, 16)), store, key, "a ramp")
    assert picture.startswith(b"\x89PNG")
