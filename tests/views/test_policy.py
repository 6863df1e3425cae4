import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.views.policy import ViewPolicy


@pytest.mark.parametrize(("low", "high"), [(None, None), (3.0, None), (None, 5.0), (3.0, 5.0), (0.7, 0.7)])
def test_limits_are_those_of_each_distance(low, high):
    distances_mm = np.array([0.0, 0.7, 2.9, 3.0, 4.0, 5.0, 5.1])
    policy = ViewPolicy(min_distance_mm=low, max_distance_mm=high)
    expected = [(low is None or d >= low) and (high is None or d <= high) for d in distances_mm.tolist()]
    assert policy.allows(distances_mm**2).tolist() == expected
    assert policy.limits_distances == (low is not None or high is not None)


def test_the_body_sum_counts_255_for_a_voxel():
    assert ViewPolicy(view_size=(2, 3, 4), min_body_fraction=0.5).min_body_sum == pytest.approx(12 * 255)


def test_another_number_of_views_changes_nothing_else():
    policy = ViewPolicy(views=4, view_size=(8, 8, 8), layout="pairs")
    assert policy.with_views(2) == ViewPolicy(views=2, view_size=(8, 8, 8), layout="pairs")


def test_a_policy_without_a_size_has_no_size_in_voxels():
    with pytest.raises(InputError, match="view_size: wanted a size in voxels, got none.*plan it first"):
        _ = ViewPolicy().size_vox


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"views": 0}, "views: wanted at least 1"),
        ({"view_size": (8, 0, 8)}, "view_size: wanted at least 1 voxel"),
        ({"min_body_fraction": 30.0}, "min_body_fraction: wanted a fraction"),
        ({"min_distance_mm": 50.0, "max_distance_mm": 40.0}, "distances: wanted 0 <= minimum <= maximum"),
        ({"min_distance_mm": -1.0}, "distances: wanted 0 <= minimum"),
        ({"max_distance_mm": float("nan")}, "distances: wanted 0 <= minimum"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        ViewPolicy(**settings)
