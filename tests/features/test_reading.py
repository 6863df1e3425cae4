"""Views read from the store, with air around scans that are smaller."""

from pathlib import Path

import numpy as np
import pytest

from orienteer.features.grid import body_grid
from orienteer.features.reading import read_body_views, read_view, read_views
from tests.helpers.ramps import ramp_store


def test_a_small_scan_lies_in_the_centre_of_one_view(tmp_path: Path) -> None:
    store, key, values = ramp_store(tmp_path, (10, 13, 16))
    (start,) = body_grid(store.scan(key).shape_vox, store.body(key), (16, 16, 16))
    view = read_view(store, key, start, (16, 16, 16))
    assert start.tolist() == [-3, -1, 0]
    assert np.allclose(view[3:13, 1:14], values, atol=1e-3)
    assert (view[:3] == -1).all()
    assert (view[13:] == -1).all()
    assert (view[:, 14:] == -1).all()


def test_batches_hold_the_views_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orienteer.features.reading.BATCH_VOX", 2 * 8**3)
    store, key, values = ramp_store(tmp_path, (24, 8, 9))
    starts = np.array([[0, 0, 0], [8, 0, 1], [16, 0, 0]])
    batches = list(read_views(store, key, starts, (8, 8, 8)))
    assert [len(views) for _, views in batches] == [2, 1]
    assert np.array_equal(np.concatenate([batch for batch, _ in batches]), starts)
    assert np.array_equal(batches[0][1][1], values[8:16, :8, 1:9])
    body = np.concatenate(list(read_body_views(store, key, (8, 8, 8), 0.0)))
    assert body.shape == (6, 8, 8, 8)
