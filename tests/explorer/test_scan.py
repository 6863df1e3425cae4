"""Open scans and the views in them."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.explorer.explorer import Explorer


def test_views_stay_inside_the_scan(explorer: Explorer) -> None:
    low, high = explorer.first.bounds_mm
    corner, inside = explorer.gaps([low, high]).places
    half = np.array(explorer.first.spacing_mm) / 2
    assert corner.start_vox == (0, 0, 0)
    np.testing.assert_allclose(corner.low_mm, np.array(low) - half)
    np.testing.assert_allclose(inside.high_mm, np.array(high) + half)
    assert corner.moved_mm == pytest.approx(np.linalg.norm((np.array(explorer.size_vox) - 1) / 2 * 2 * half))


def test_the_view_at_a_point_is_the_nearest_one(explorer: Explorer) -> None:
    scan, size_vox = explorer.first, explorer.size_vox
    centre = scan.view_at((3, 4, 5), size_vox).centre_mm
    point = (np.array(centre) + 0.4 * np.array(scan.spacing_mm)).tolist()
    place = scan.place(point, size_vox)
    assert place.start_vox == (3, 4, 5)
    assert place.moved_mm == pytest.approx(0.4 * np.linalg.norm(scan.spacing_mm))


def test_the_images_of_views_are_those_of_the_voxels(explorer: Explorer) -> None:
    images = explorer.first.images([(1, 2, 3)], (4, 5, 6))
    assert images.shape == (1, 1, 1, 4, 5, 6)
    np.testing.assert_allclose(images[0, 0, 0], explorer.first.stored[1:5, 2:7, 3:9] / 1000)


@pytest.mark.parametrize("point", [(1.0, 2.0), (float("inf"), 0.0, 0.0), (0.0, 0.0, -1e5)])
def test_a_point_must_be_three_numbers_inside(explorer: Explorer, point: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="point: wanted three numbers in mm"):
        explorer.first.place(point, explorer.size_vox)
