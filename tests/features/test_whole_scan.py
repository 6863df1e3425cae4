"""Features of whole scans: fixed grids, places, padding."""

from pathlib import Path

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.features.whole_scan import (
    body_grid,
    features_at,
    frozen_encoder,
    grid_starts,
    read_view,
    view_batches,
    view_vectors,
)
from orienteer.runs.run import Run
from orienteer.scans.body import BodyMap
from orienteer.scans.store import Store
from orienteer.types import Triple
from tests.helpers.ramps import RampEncoder, ramp_store


def solid(shape_vox: Triple) -> BodyMap:
    blocks = tuple(-(-length // 4) for length in shape_vox)
    return BodyMap(np.full(blocks, 255, np.uint8), np.ones(blocks, bool), 4)


@pytest.fixture
def opened(finished: Run, store: Path) -> tuple:
    frozen, reader = frozen_encoder(finished.folder, accelerator="cpu"), Store.open(store)
    return frozen, reader, reader.keys(frozen.preparation.fingerprint())


@pytest.mark.parametrize(
    ("shape", "size", "overlap"), [((40, 31, 50), (16, 16, 16), 0.0), ((17, 64, 33), (16, 32, 24), 0.5)]
)
def test_grid_covers_every_voxel_and_never_leaves_the_scan(shape: Triple, size: Triple, overlap: float) -> None:
    for starts, length, edge in zip(grid_starts(shape, size, overlap), shape, size, strict=True):
        covered = np.zeros(length, bool)
        for start in starts:
            assert 0 <= start <= length - edge
            covered[start : start + edge] = True
        assert covered.all()
        assert np.diff(starts).max(initial=0) <= np.ceil(edge * (1 - overlap))


def test_grid_refuses_an_overlap_without_end() -> None:
    with pytest.raises(InputError, match="overlap: wanted a share from 0 to 0.9, got 1.0"):
        grid_starts((32, 32, 32), (16, 16, 16), 1.0)


def test_body_grid_leaves_out_air_and_what_was_not_scanned() -> None:
    body = solid((32, 16, 16))
    body.body[:4] = 0
    assert body_grid((32, 16, 16), body, (16, 16, 16)).tolist() == [[16, 0, 0]]
    outside = solid((32, 16, 16))
    outside.inside[7, 0, 0] = False
    assert body_grid((32, 16, 16), outside, (16, 16, 16)).tolist() == [[0, 0, 0]]


def test_body_grid_of_a_thin_body_is_its_fullest_view() -> None:
    body = solid((48, 16, 16))
    body.body[:] = 0
    body.body[10] = 40
    assert body_grid((48, 16, 16), body, (16, 16, 16)).tolist() == [[32, 0, 0]]


def test_small_scan_lies_in_the_middle_of_one_view(tmp_path: Path) -> None:
    reader, key, values = ramp_store(tmp_path, (10, 13, 16))
    (start,) = body_grid(reader.scan(key).shape_vox, reader.body(key), (16, 16, 16))
    view = read_view(reader, key, start, (16, 16, 16))
    assert start.tolist() == [-3, -1, 0]
    assert np.allclose(view[3:13, 1:14], values, atol=1e-3)
    assert (view[:3] == -1).all()
    assert (view[13:] == -1).all()
    assert (view[:, 14:] == -1).all()


def test_features_of_a_ramp_are_the_ramp_at_every_place(tmp_path: Path) -> None:
    # An encoder that averages voxels knows, between the middles of its cells, exactly the value of a linear ramp.
    reader, key, _ = ramp_store(tmp_path, (40, 24, 28))
    frozen = RampEncoder.frozen((16, 16, 16))
    rng = np.random.default_rng(0)
    points = rng.uniform(2, np.array([40, 24, 28]) - 3, (50, 3))
    found = features_at(frozen, reader, key, points, overlap=0.5)
    assert found.shape == (50, 3)
    wanted = 2 * ((points / np.array([40, 24, 28])).mean(1, keepdims=True) - 0.5)
    # Interpolation is exact but in the half cell at a view's border, where the border's cell counts alone.
    assert np.abs(found - wanted).max() < 0.02


def test_features_at_depend_on_the_place_alone(opened: tuple) -> None:
    frozen, reader, keys = opened
    rng = np.random.default_rng(1)
    points = rng.uniform(0, np.array(reader.scan(keys[0]).shape_vox) - 1, (40, 3))
    together = features_at(frozen, reader, keys[0], points)
    alone = features_at(frozen, reader, keys[0], points[7:8])
    assert np.allclose(together[7:8], alone, atol=1e-4)
    assert together.shape == (40, sum(frozen.encoder.channels))


def test_view_vectors_are_the_means_of_the_last_level(opened: tuple) -> None:
    frozen, reader, keys = opened
    found = view_vectors(frozen, reader, keys[0])
    views = np.concatenate(list(view_batches(reader, keys[0], frozen.view_size, 0.0)))
    with torch.no_grad():
        wanted = frozen.encoder(torch.from_numpy(views)[:, None])[-1].mean((2, 3, 4)).numpy()
    assert np.allclose(found.vectors, wanted, atol=1e-5)
    assert np.array_equal(view_vectors(frozen, reader, keys[0]).vectors, found.vectors)


def test_view_centres_are_in_body_millimetres(opened: tuple) -> None:
    frozen, reader, keys = opened
    scan = reader.scan(keys[0])
    found = view_vectors(frozen, reader, keys[0], overlap=0.5)
    low = np.array(scan.origin_mm) + 7.5 * np.array(scan.spacing_mm)
    high = low + (np.array(scan.shape_vox) - 16) * np.array(scan.spacing_mm)
    assert (found.centres_mm >= low - 1e-6).all()
    assert (found.centres_mm <= high + 1e-6).all()
    assert len(np.unique(found.centres_mm, axis=0)) == len(found.centres_mm)


def test_padding_does_not_count_in_a_vector(tmp_path: Path) -> None:
    reader, key, values = ramp_store(tmp_path, (8, 16, 16))
    found = view_vectors(RampEncoder.frozen((16, 16, 16)), reader, key)
    # The scan fills whole cells of four voxels: its mean is the ramp's mean, without the air beside it.
    assert np.allclose(found.vectors[0, -1], values.mean(), atol=1e-3)


def test_random_twin_has_other_weights_of_the_same_shapes(opened: tuple) -> None:
    frozen, _, _ = opened
    before = torch.random.get_rng_state()
    twin, again = frozen.random_twin(seed=1), frozen.random_twin(seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    own, other = frozen.encoder.state_dict(), twin.encoder.state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in other.items()}
    assert any(not torch.equal(own[name], other[name]) for name in own)
    assert all(torch.equal(value, other[name]) for name, value in again.encoder.state_dict().items())


def test_preparation_is_the_runs(finished: Run) -> None:
    frozen = frozen_encoder(finished.folder)
    assert frozen.preparation.spacing_mm == tuple(frozen.card["spacing_mm"])
    assert frozen_encoder(finished.folder, (3.0, 3.0, 3.0)).preparation.spacing_mm == (3.0, 3.0, 3.0)
    assert not frozen.preparation_of_whole_scans().crop_to_body
