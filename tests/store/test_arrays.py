"""A scan as one file: voxels, body map and entry come back, and a box that leaves the scan is refused."""

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.files import write_bytes
from orienteer.scans.body import body_map
from orienteer.store.arrays import ArrayFile, check_box, checksum, file_checksum, packed


@pytest.mark.parametrize("shape", [(7, 5, 3), (64, 16, 17), (65, 2, 130)])
def test_what_was_packed_comes_back(tmp_path, shape):
    voxels = np.random.default_rng(0).integers(-1000, 1001, shape).astype(np.int16)
    body = body_map(voxels > 0, voxels > -900)
    content = packed(voxels, body, {"name": "a.nii", "spacing_mm": [1.0, 2.0, 3.0]})
    write_bytes(tmp_path / "a.b2nd", content)
    file = ArrayFile(tmp_path / "a.b2nd")
    assert file.shape_vox == shape
    assert file.entry["spacing_mm"] == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(file.read((0, 0, 0), shape), voxels / 1000.0, atol=1e-7)
    np.testing.assert_array_equal(file.body().body, body.body)
    np.testing.assert_array_equal(file.body().inside, body.inside)
    assert file_checksum(tmp_path / "a.b2nd") == checksum(content)


@pytest.mark.parametrize(("start", "size"), [((0, 0, 0), (4, 5, 6)), ((3, 4, 5), (1, 1, 1))])
def test_a_box_within_the_scan_is_accepted(start, size):
    check_box("a", (4, 5, 6), start, size)


@pytest.mark.parametrize(
    ("start", "size", "axis"), [((1, 0, 0), (4, 5, 6), 0), ((0, -1, 0), (1, 1, 1), 1), ((0, 0, 5), (1, 1, 0), 2)]
)
def test_a_box_that_leaves_the_scan_is_refused_with_its_axis(start, size, axis):
    with pytest.raises(InputError, match=f"in a: wanted a box within 0 to {(4, 5, 6)[axis]} on axis {axis}"):
        check_box("a", (4, 5, 6), start, size)
