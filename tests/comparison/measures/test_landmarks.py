"""Landmarks of made-up organs with known ends."""

import numpy as np

from orienteer.comparison.measures.landmarks import landmarks


def test_the_ends_of_a_box_are_where_they_are():
    labels = np.zeros((12, 14, 16), np.uint8)
    labels[2:9, 3:10, 4:15] = 2
    marks = {name: voxel.tolist() for (number, name), voxel in landmarks(labels, [1, 2]).items() if number == 2}
    assert len(landmarks(labels, [1, 2])) == 7
    assert marks == {
        "centre": [5, 6, 9],
        "left": [2, 6, 9],
        "right": [8, 6, 9],
        "back": [5, 3, 9],
        "front": [5, 9, 9],
        "feet": [5, 6, 4],
        "head": [5, 6, 14],
    }


def test_every_landmark_lies_in_its_class_even_where_the_centre_of_mass_does_not():
    labels = np.zeros((20, 20, 5), np.uint8)
    labels[2:18, 2:18, 2] = 1
    labels[4:16, 4:16, 2] = 0  # a ring
    marks = landmarks(labels, [1])
    assert all(labels[tuple(voxel)] == 1 for voxel in marks.values())
    assert len(marks) == 7


def test_a_class_that_the_border_cuts_has_no_landmarks():
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:5, 2:5, 2:5] = 1
    labels[5:7, 5:7, 6:8] = 2
    assert {number for number, _ in landmarks(labels, [1, 2])} == {1}


def test_moving_an_organ_moves_its_landmarks():
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[2:7, 3:6, 4:9] = labels[7:9, 4:6, 5] = 1
    before, after = landmarks(labels, [1]), landmarks(np.roll(labels, (3, 4, 2), (0, 1, 2)), [1])
    assert all(np.array_equal(after[name], voxel + np.array([3, 4, 2])) for name, voxel in before.items())


def test_ends_that_are_not_wanted_are_left_out():
    labels = np.zeros((12, 14, 16), np.uint8)
    labels[2:9, 3:10, 4:15] = 1
    assert set(landmarks(labels, [1], ends=("front", "head"))) == {(1, "centre"), (1, "front"), (1, "head")}
