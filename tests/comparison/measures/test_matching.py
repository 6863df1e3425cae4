"""Matching: places are found where features encode them, and errors are in mm of the scan that is searched."""

import numpy as np
import pytest

from orienteer.comparison.measures import matching


def places(lattice, marks, features):
    """Places of which the features are a function of the voxel."""
    lattice, marks = np.array(lattice), np.array(marks).reshape(-1, 3)
    names = tuple((1, str(number)) for number in range(len(marks)))
    return matching.Places(
        names, marks, lattice, features(marks).astype(np.float32), features(lattice).astype(np.float32)
    )


def grid(edge):
    return np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def test_nearest_by_cosine_is_that_of_a_loop_and_ignores_length():
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=(30, 5)).astype(np.float32)
    loop = [
        max(range(30), key=lambda c: q @ candidates[c] / np.linalg.norm(candidates[c]) / np.linalg.norm(q))
        for q in queries
    ]
    assert matching.nearest_by_cosine(queries, candidates).tolist() == loop
    assert (
        matching.nearest_by_cosine(3 * queries, candidates * rng.uniform(1, 9, (30, 1)).astype(np.float32)).tolist()
        == loop
    )


def test_nearest_by_distance_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(7, 3)).astype(np.float32), rng.normal(size=(30, 3)).astype(np.float32)
    loop = [int(np.linalg.norm(candidates - query, axis=1).argmin()) for query in queries]
    assert matching.nearest_by_distance(queries, candidates).tolist() == loop


def test_features_that_encode_the_place_find_it_and_the_error_is_in_mm():
    def directions(voxels):  # every voxel another direction
        return np.concatenate([np.cos(voxels * 0.2), np.sin(voxels * 0.2)], axis=1)

    one = places(grid(6), [[1, 2, 3], [4, 4, 4]], directions)
    same = places(grid(6), [[1, 2, 3], [4, 4, 4]], directions)
    assert matching.pair_errors_mm(one, same, slice(None), matching.nearest_by_cosine, (2.0, 3.0, 4.0)) == [0.0, 0.0]
    moved = places(grid(6), [[2, 2, 3], [4, 4, 5]], directions)  # landmarks elsewhere than the features say
    assert matching.pair_errors_mm(one, moved, slice(None), matching.nearest_by_cosine, (2.0, 3.0, 4.0)) == [2.0, 4.0]


def test_only_landmarks_that_both_scans_have_count():
    def plain(voxels):
        return voxels + 1.0

    one, other = places(grid(3), [[1, 1, 1], [0, 0, 0]], plain), places(grid(3), [[1, 1, 1]], plain)
    assert len(matching.pair_errors_mm(one, other, slice(None), matching.nearest_by_distance, (1.0, 1.0, 1.0))) == 1
    nothing = places(grid(3), np.zeros((0, 3), int), plain)
    assert matching.pair_errors_mm(one, nothing, slice(None), matching.nearest_by_distance, (1.0, 1.0, 1.0)) == []


@pytest.mark.parametrize("cases", [2, 5, 9])
def test_partners_are_others_and_the_same_for_the_same_seed(cases):
    drawn = matching.partners_of(cases, 3, seed=4)
    assert drawn == matching.partners_of(cases, 3, seed=4)
    assert all(case not in others and len(set(others)) == min(3, cases - 1) for case, others in enumerate(drawn))


def test_levels_lie_side_by_side_and_cover_all_channels():
    slices = matching.level_slices((2, 3, 4))
    columns = np.arange(9)
    assert [columns[at].tolist() for at in slices.values()][:3] == [[0, 1], [2, 3, 4], [5, 6, 7, 8]]
    assert columns[slices["all levels"]].tolist() == columns.tolist()
