"""The 48 orientations form a group, and act on arrays and on vectors in the same way."""

import numpy as np
import pytest
import torch

from orienteer.geometry.orientations import (
    IDENTITY,
    ORIENTATION_NUMBER,
    ORIENTATIONS,
    Orientation,
    orientation_products,
)

every_orientation = pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)


def test_there_are_48_and_the_first_changes_nothing():
    assert len(set(ORIENTATIONS)) == 48
    assert ORIENTATIONS[0] == IDENTITY


@every_orientation
def test_the_inverse_undoes_it_on_either_side(orientation):
    assert orientation.inverse.after(orientation) == IDENTITY
    assert orientation.after(orientation.inverse) == IDENTITY


def test_products_are_a_group_table():
    table = orientation_products()
    every = np.arange(48)
    for line in (*table, *table.T):
        assert sorted(line) == list(every)
    assert (table[0] == every).all()
    assert (table[:, 0] == every).all()
    left, right = table[table], table[:, table]  # (g h) k and g (h k)
    np.testing.assert_array_equal(left, right)
    inverses = [ORIENTATION_NUMBER[orientation.inverse] for orientation in ORIENTATIONS]
    assert (table[every, inverses] == 0).all()


@every_orientation
def test_arrays_compose_as_orientations_do(orientation):
    rng = np.random.default_rng(0)
    voxels = rng.normal(size=(2, 3, 4, 5))
    for other in rng.choice(48, 6, replace=False):
        second = ORIENTATIONS[int(other)]
        np.testing.assert_array_equal(
            second.of_array(orientation.of_array(voxels)), second.after(orientation).of_array(voxels)
        )


@every_orientation
def test_vectors_follow_the_array(orientation):
    """The gap between two voxels that stand out is the same whether it is turned or read off the turned array."""
    voxels = np.zeros((3, 4, 5))
    voxels[0, 3, 1], voxels[2, 1, 4] = 1, 2
    gap = np.array([2.0, -2.0, 3.0])
    turned = orientation.of_array(voxels)
    read = np.argwhere(turned == 2)[0] - np.argwhere(turned == 1)[0]
    np.testing.assert_array_equal(orientation.matrix @ gap, read)


@every_orientation
def test_tensors_and_lengths_follow_the_array(orientation):
    voxels = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    turned = orientation.of_tensor(torch.from_numpy(voxels))
    np.testing.assert_array_equal(turned.numpy(), orientation.of_array(voxels))
    assert orientation.of_lengths((3.0, 4.0, 5.0)) == turned.shape[1:]


def test_a_quarter_turn_taken_four_times_changes_nothing():
    quarter = Orientation((1, 0, 2), (1, -1, 1))
    assert quarter.after(quarter).after(quarter).after(quarter) == IDENTITY
