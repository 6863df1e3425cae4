"""The header reader learns sound headers, judges scans by networks that do not know them, and comes back from its files."""

import json

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.headers.cubes import CoarseScan, CubePolicy
from orienteer.headers.evidence import WRONG_SIZES
from orienteer.headers.reader import READER_FILE, WEIGHTS_FILE, parts_of, read_reader, train_reader, write_reader
from orienteer.headers.training import HeaderTraining, draw_pool, train_header_network, with_other_intensities

POLICY = CubePolicy(extent_mm=60.0, levels=2, edge_vox=6)


def body(number: int) -> CoarseScan:
    """A body with a head end, a front, and one organ on the right: all orientations differ, and sizes are much alike."""
    rng = np.random.default_rng(number)
    grid = np.meshgrid(np.arange(16), np.arange(14), np.arange(20), indexing="ij")
    at = [axis - size / 2 + rng.normal(0, 0.3) for axis, size in zip(grid, (16, 14, 20), strict=True)]
    inside = (at[0] / 7) ** 2 + (at[1] / 5) ** 2 + (at[2] / 9) ** 2 < 1
    voxels = np.where(inside, 0.1 + 0.04 * at[2], -1.0) + np.where(inside & (at[1] < -2), 0.5, 0.0)
    voxels += np.where((at[0] - 3) ** 2 + at[1] ** 2 + (at[2] - 2) ** 2 < 9, 0.6, 0.0)
    return CoarseScan((voxels + rng.normal(0, 0.05, voxels.shape)).astype(np.float32), (4.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def reader():
    scans = {f"t{number}": body(number) for number in range(8)}
    return train_reader(scans, {"h0": body(90)}, POLICY, HeaderTraining(steps=80, batch=6), seed=0)


def test_it_learns_orientation_and_voxel_size_of_scans_it_has_not_seen(reader):
    seen = [reader.read(f"new {number}", body(200 + number).voxels, (4.0, 4.0, 4.0)) for number in range(4)]
    assert all(each.logs[0].argmax() == 0 for each in seen)
    assert np.exp([each.logs[0][0] for each in seen]).mean() > 0.1  # chance is 2 %
    doubled, halved = WRONG_SIZES.index((2.0, 2.0, 2.0)) + 1, WRONG_SIZES.index((0.5, 0.5, 0.5)) + 1
    assert all((each.sizes[doubled, 0] > each.sizes[0, 0] + 0.1).all() for each in seen)
    assert all((each.sizes[halved, 0] < each.sizes[0, 0] - 0.1).all() for each in seen)


def test_every_scan_of_the_run_is_seen_by_a_network_that_was_not_trained_on_it(reader):
    assert set(reader.own) == {*(f"t{number}" for number in range(8)), "h0"}
    assert [len(part) for part in reader.parts] == [3, 3, 3]
    for number, part in enumerate(reader.parts):
        assert all(reader.networks_for(key) == (reader.networks[number],) for key in part)
    assert reader.networks_for("new") == reader.networks
    seen = reader.read("t0", body(0).voxels, (4.0, 4.0, 4.0))
    np.testing.assert_allclose(seen.logs, reader.own["t0"].logs, atol=1e-4)


def test_the_same_seed_gives_the_same_network():
    one, again, other = (
        train_header_network([body(1), body(2)], POLICY, HeaderTraining(steps=2, batch=2), seed) for seed in (0, 0, 1)
    )
    states = [each.state_dict()["soundness.weight"] for each in (one, again, other)]
    assert (states[0] == states[1]).all()
    assert (states[0] != states[2]).any()


def test_labels_are_the_factors_that_were_used():
    rng = np.random.default_rng(0)
    cubes, logs = draw_pool(rng, [body(0)], POLICY, 200)
    assert cubes.shape == (200, 2, 6, 6, 6)
    alike = ((logs - logs[:, :1]).abs() < 1e-6).all(1)
    assert 0.3 < float(alike.float().mean()) < 0.7  # none, and all axes alike
    assert float(logs.abs().max()) <= 0.9


def test_other_intensities_leave_the_places():
    import torch

    cubes = torch.linspace(-1, 1, 6).expand(4, 2, 6, 6, 6).clone()
    changed = with_other_intensities(cubes, torch.Generator().manual_seed(0))
    assert changed.shape == cubes.shape
    assert (changed[..., -1].mean() - changed[..., 0].mean()) > 1


@pytest.mark.parametrize(("heldout", "parts"), [(0, 3), (5, 3), (18, 3), (19, 1), (100, 1)])
def test_one_network_is_enough_where_enough_scans_are_held_out(heldout, parts):
    names = [f"h{number}" for number in range(heldout)]
    dealt = parts_of(["a", "b", "c"], names, {})
    assert len(dealt) == parts
    if parts == 1:
        assert dealt[0] <= set(names)


def test_scans_of_one_patient_stay_together():
    for part in parts_of([f"s{number}" for number in range(9)], ["h"], {"s0": 1, "s5": 1, "h": 1}):
        assert len(part & {"s0", "s5", "h"}) in (0, 3)


def test_it_comes_back_from_the_run_folder(reader, tmp_path):
    assert read_reader(tmp_path) is None
    write_reader(tmp_path, reader)
    again = read_reader(tmp_path)
    assert (again.policy, again.parts) == (reader.policy, reader.parts)
    assert set(again.own) == set(reader.own)
    new = body(300)
    one, other = (each.read("new", new.voxels, new.spacing_mm) for each in (reader, again))
    np.testing.assert_array_equal(one.logs, other.logs)
    np.testing.assert_array_equal(one.sizes, other.sizes)


def damage_weights(folder):
    (folder / WEIGHTS_FILE).write_bytes(b"cut")


def lose_weights(folder):
    (folder / WEIGHTS_FILE).unlink()


def name_another_scan(folder):
    content = json.loads((folder / READER_FILE).read_text())
    content["parts"][0].append("not there")
    (folder / READER_FILE).write_text(json.dumps(content))


def state_other_cubes(folder):
    content = json.loads((folder / READER_FILE).read_text())
    content["cubes"]["edge_vox"] = 9
    (folder / READER_FILE).write_text(json.dumps(content))


@pytest.mark.parametrize("harm", [damage_weights, lose_weights, name_another_scan, state_other_cubes])
def test_damaged_files_are_named(reader, tmp_path, harm):
    write_reader(tmp_path, reader)
    harm(tmp_path)
    with pytest.raises(InputError, match=r"header_reader\.safetensors: wanted .*Do this: delete header_reader"):
        read_reader(tmp_path)
