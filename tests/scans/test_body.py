import numpy as np
import pytest
from scipy import ndimage

from orienteer.scans.body import body_map, body_mask, bounding_box
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan


def ball(shape, centre, radius):
    grid = np.indices(shape).reshape(3, -1).T - np.array(centre)
    return ((grid**2).sum(axis=1) <= radius**2).reshape(shape)


def chest(shape=(60, 50, 40)):
    """A trunk that runs through all slices, with two lungs that the scan's ends cut open."""
    across = np.indices(shape[:2])
    trunk = (((across[0] - 30) / 24) ** 2 + ((across[1] - 25) / 18) ** 2 <= 1)[..., None].repeat(shape[2], axis=2)
    voxels = np.full(shape, -1000, np.float32)
    voxels[trunk] = 40
    for x in (19, 41):
        lung = ((across[0] - x) ** 2 + (across[1] - 25) ** 2 <= 49)[..., None].repeat(shape[2], axis=2)
        voxels[lung] = -850
    return voxels, trunk


def test_lungs_that_the_scan_cuts_open_are_body():
    voxels, trunk = chest()
    np.testing.assert_array_equal(body_mask(voxels, "CT", (2.0, 2.0, 2.0)), trunk)


def test_the_table_is_dropped_even_where_the_body_lies_on_it():
    voxels, trunk = chest()
    voxels[:, 5:8] = np.maximum(voxels[:, 5:8], 100)  # a plate of 6 mm that touches the back
    mask = body_mask(voxels, "CT", (2.0, 2.0, 2.0))
    assert mask[trunk].all()
    assert not mask[:5, 5:8].any()
    assert not mask[-5:, 5:8].any()


def test_the_body_of_a_ct_that_was_saved_through_a_window_is_not_its_air():
    voxels, trunk = chest()
    fat = ndimage.binary_erosion(trunk, iterations=2) & (voxels == 40)
    voxels[fat & (np.random.default_rng(0).random(voxels.shape) < 0.4)] = -125  # darker than the window, under the skin
    voxels[1:3] = 40  # a table top of 4 mm
    clipped = np.clip(voxels, -125, 275)
    np.testing.assert_array_equal(body_mask(clipped, "CT", (2.0, 2.0, 2.0)), body_mask(voxels, "CT", (2.0, 2.0, 2.0)))
    mask = body_mask(clipped, "CT", (2.0, 2.0, 2.0))
    np.testing.assert_array_equal(mask, trunk)


def test_a_crop_without_air_is_all_body():
    voxels = np.random.default_rng(0).integers(-125, 100, (20, 20, 20)).astype(np.float32)
    assert body_mask(voxels, "CT", (2.0, 2.0, 2.0)).all()


def test_two_legs_are_both_body_and_a_small_thing_is_not():
    voxels = np.full((60, 30, 20), -1000, np.float32)
    voxels[4:20, 5:21], voxels[30:44, 5:21], voxels[52:57, 5:10] = 40, 40, 40
    mask = body_mask(voxels, "CT", (2.0, 2.0, 2.0))
    assert mask[4:20, 5:21].all()
    assert mask[30:44, 5:21].all()
    assert not mask[50:].any()


def test_a_body_thinner_than_a_table_is_kept():
    voxels = np.full((20, 20, 20), -1000, np.float32)
    voxels[8:11, 8:11, :] = 40
    assert body_mask(voxels, "CT", (1.0, 1.0, 1.0)).sum() == 3 * 3 * 20


def test_an_mr_head_in_noisy_air_is_found_with_its_dark_holes():
    rng = np.random.default_rng(0)
    head = ball((40, 40, 40), (20, 20, 20), 15)
    voxels = np.where(head, rng.normal(500, 60, head.shape), rng.rayleigh(8, head.shape)).astype(np.float32)
    voxels[ball(head.shape, (20, 20, 20), 4)] = 5  # a ventricle without signal
    mask = body_mask(voxels, "MR", (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(mask, head)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1700.0, 0.0), (0.001, -1.0)])
def test_a_tight_mr_crop_without_air_is_nearly_all_body(scale, shift):
    rng = np.random.default_rng(1)
    voxels = (rng.gamma(6.0, 80.0, (35, 51, 37)) * scale + shift).astype(np.float32)
    assert body_mask(voxels, "MR", (1.0, 1.0, 1.0)).mean() > 0.93


def test_real_crops_without_air_are_nearly_all_body(hippocampus):
    for source in discover(hippocampus / "imagesTr", progress=False).sources[::25]:
        scan = read_scan(source)
        assert body_mask(scan.voxels, "MR", scan.spacing_mm).mean() > 0.9, source.name


def test_outside_the_scanned_field_nothing_is_body():
    voxels, _ = chest()
    inside = np.ones(voxels.shape, bool)
    inside[:30] = False
    mask = body_mask(voxels, "CT", (2.0, 2.0, 2.0), inside)
    assert not mask[:30].any()
    assert mask[30:].any()


def test_air_alone_has_no_body():
    assert not body_mask(np.full((8, 8, 8), -1000, np.float32), "CT", (1.0, 1.0, 1.0)).any()


def test_the_box_equals_a_search_by_voxel():
    rng = np.random.default_rng(2)
    for _ in range(20):
        mask = np.zeros((9, 11, 7), bool)
        mask[tuple(rng.integers(0, mask.shape, (3, 3)).T)] = True
        margin = tuple(int(value) for value in rng.integers(0, 3, 3))
        inside_vox = np.argwhere(mask)
        low = np.maximum(inside_vox.min(axis=0) - margin, 0)
        high = np.minimum(inside_vox.max(axis=0) + 1 + margin, mask.shape)
        assert bounding_box(mask, margin) == tuple(
            slice(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True)
        )


def test_the_map_equals_block_means_also_in_partial_blocks():
    rng = np.random.default_rng(3)
    mask = rng.random((13, 8, 6)) < 0.4
    inside = np.ones(mask.shape, bool)
    inside[12, 7, 5] = False
    coarse = body_map(mask, inside)
    assert coarse.body.shape == coarse.inside.shape == (4, 2, 2)
    for block in np.ndindex(coarse.body.shape):
        cut = tuple(slice(4 * at, 4 * at + 4) for at in block)
        assert coarse.body[block] == round(255 * mask[cut].mean())
        assert coarse.inside[block] == inside[cut].all()


def test_the_map_of_a_full_scan_is_full():
    coarse = body_map(np.ones((5, 9, 70), bool))
    assert (coarse.body == 255).all()
    assert coarse.inside.all()
