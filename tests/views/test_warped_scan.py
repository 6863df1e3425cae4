"""A warped scan gives the voxels that its warp points at, stays inside the scan, and is the scan where nothing is warped."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.views.augment import Augmentation
from orienteer.views.body import ViewSpace
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import ViewReader
from orienteer.views.sample import draw_starts
from orienteer.views.warp import draw_warp
from orienteer.views.warped_scan import MOST_OUTSIDE, Lattice, WarpedScan, warped_scan
from tests.helpers.fake_views import FakeBody, FakeScan, FakeStore, blocks_of, fake_store

SHAPE, SPACING, ORIGIN = (60, 56, 64), (2.0, 2.5, 3.0), (-60.0, 5.0, 300.0)
LATTICE = Lattice("a", SHAPE, SPACING, ORIGIN)
FULL = blocks_of(np.ones(SHAPE, bool))
SIZE = (16, 20, 18)


class CodedStore(FakeStore):
    """Its voxels are a linear function of their index, which linear interpolation reproduces exactly."""

    def read(self, key, start_vox, size_vox):
        shape = self.scans[key].shape_vox
        assert all(s >= 0 and s + n <= edge for s, n, edge in zip(start_vox, size_vox, shape, strict=True))
        i, j, k = (np.arange(s, s + n) for s, n in zip(start_vox, size_vox, strict=True))
        return (i[:, None, None] + 100 * j[:, None] + 10_000 * k[None, None]).astype(np.float32)


def drawn(seed: int, strength: float = 1.0, body: FakeBody = FULL) -> WarpedScan:
    return warped_scan(LATTICE, body, draw_warp(np.random.default_rng(seed), strength, SHAPE, SPACING, ORIGIN))


def random_voxels(start_vox, size_vox, voxels=np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)):  # noqa: B008
    return voxels[tuple(slice(s, s + n) for s, n in zip(start_vox, size_vox, strict=True))]


def test_the_identity_gives_the_same_voxels_bit_for_bit():
    same = drawn(0, strength=0.0)
    assert (same.shape_vox, same.origin_mm) == (SHAPE, ORIGIN)
    np.testing.assert_array_equal(same.body, FULL.body)
    assert same.inside.all()
    for start in ((0, 0, 0), (3, 5, 7), (44, 36, 46)):
        np.testing.assert_array_equal(same.read(random_voxels, start, SIZE), random_voxels(start, SIZE))


@pytest.mark.parametrize("seed", range(5))
def test_every_voxel_is_that_of_the_place_it_is_mapped_to(seed):
    store = CodedStore({"a": FakeScan("a", SHAPE, SPACING, ORIGIN)})
    scan, policy = drawn(seed), ViewPolicy(views=2, view_size=SIZE)
    space, outside = ViewSpace(scan.shape_vox, scan, SPACING, fits=scan.fits), MOST_OUTSIDE * np.array(SIZE)
    for start in draw_starts(np.random.default_rng(seed), space, policy):
        view = scan.read(lambda *box: store.read("a", *box), tuple(start.tolist()), SIZE)
        index = np.moveaxis(np.indices(SIZE), 0, -1) + start
        warped_mm = np.array(scan.origin_mm) + index * np.array(SPACING)
        shown_vox = (scan.warp.to_scan(warped_mm) - np.array(ORIGIN)) / np.array(SPACING)
        assert (shown_vox.min(axis=(0, 1, 2)) > -outside - 0.1).all()
        assert (shown_vox.max(axis=(0, 1, 2)) < np.array(SHAPE) - 0.9 + outside).all()
        expected = np.clip(shown_vox, 0, np.array(SHAPE) - 1) @ np.array([1.0, 100.0, 10_000.0])
        np.testing.assert_allclose(view, expected, rtol=1e-5, atol=0.1)


def test_the_warped_scan_encloses_all_that_the_scan_shows():
    scan = drawn(3)
    corners = np.array(ORIGIN) + np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(SHAPE) - 1) * np.array(SPACING)
    places_vox = (scan.warp.from_scan(corners) - np.array(scan.origin_mm)) / np.array(SPACING)
    assert (places_vox > -1).all()
    assert (places_vox < np.array(scan.shape_vox)).all()


def test_blocks_outside_the_scanned_field_stay_outside():
    inside = FULL.inside.copy()
    inside[: inside.shape[0] // 2] = False
    scan = drawn(1, body=FakeBody(FULL.body, inside))
    cell = scan.cell_vox
    for index in np.argwhere(scan.inside)[::7]:
        middle = np.array(scan.origin_mm) + (index * cell + cell / 2) * np.array(SPACING)
        shown_vox = (scan.warp.to_scan(middle[None])[0] - np.array(ORIGIN)) / np.array(SPACING)
        assert inside[tuple((shown_vox // 4).astype(int))]


def test_body_moves_along():
    voxels = np.zeros(SHAPE, bool)
    voxels[20:44, 16:40, 20:48] = True
    scan = drawn(2, body=blocks_of(voxels))
    assert 0.7 < scan.body.sum() * scan.cell_vox**3 / 255 / voxels.sum() < 1.4
    middle = np.argwhere(scan.body).mean(axis=0) * scan.cell_vox + scan.cell_vox / 2
    shown = scan.warp.to_scan((np.array(scan.origin_mm) + middle * np.array(SPACING))[None])[0]
    np.testing.assert_allclose(shown, np.array(ORIGIN) + np.array([32, 28, 34]) * np.array(SPACING), atol=8.0)


def views(store, warp, seed=0, policy=ViewPolicy(views=2, view_size=(10, 8, 10))):  # noqa: B008
    return TrainingViews(store, sorted(store.scans), policy, Augmentation(), seed, 100, warp=warp)


def large_store() -> FakeStore:
    return FakeStore({f"key{n}": FakeScan(f"scan{n}", (48, 44, 40)) for n in range(3)})


def test_the_centres_of_a_warped_sample_show_the_places_that_its_voxels_come_from():
    store = CodedStore({"a": FakeScan("a", SHAPE, SPACING, ORIGIN)})
    odd = ViewPolicy(views=3, view_size=(15, 15, 15))
    reader, warped = ViewReader(store, odd, warp=1.0), 0
    for number in range(12):
        sample = reader.draw("a", np.random.default_rng(number), number)
        centres = sample.centres_mm.double().numpy()
        shown = centres if sample.warp is None else sample.warp.to_scan(centres)
        shown_vox = (shown - np.array(ORIGIN)) / np.array(SPACING)
        expected = shown_vox @ np.array([1.0, 100.0, 10_000.0])
        np.testing.assert_allclose(sample.images[:, 0, 7, 7, 7].numpy(), expected, rtol=1e-5, atol=0.3)
        warped += sample.warp is not None
    assert 5 <= warped < 12


def test_the_same_sample_is_the_same_whatever_was_read_before():
    store = large_store()
    one, other = views(store, 1.0), views(store, 1.0)
    for number in (7, 3, 0):
        other[number]
    for number in range(4):
        assert one[number].centres_mm.equal(other[number].centres_mm)
        assert one[number].images.equal(other[number].images)
    assert not views(store, 1.0, seed=1)[0].centres_mm.equal(one[0].centres_mm)


def test_without_warps_the_samples_are_those_of_earlier_versions():
    assert all(views(large_store(), 0.0)[number].warp is None for number in range(5))
    numbers = np.random.default_rng([0, 2, 3])
    sample = views(large_store(), 0.0)[3]
    starts = draw_starts(
        numbers,
        ViewSpace((48, 44, 40), blocks_of(np.ones((48, 44, 40), bool)), (1.5, 2.0, 2.5)),
        views(large_store(), 0.0).policy,
    )
    expected = np.array([-30.0, 12.5, 400.0]) + (starts + np.array([4.5, 3.5, 4.5])) * np.array([1.5, 2.0, 2.5])
    np.testing.assert_allclose(sample.centres_mm.numpy(), expected, rtol=1e-6)


def test_a_slab_that_leaves_no_room_for_a_turned_view_is_shown_as_it_is():
    store = FakeStore({"a": FakeScan("slab", (60, 60, 6))})
    slab = views(store, 1.0, policy=ViewPolicy(views=2, view_size=(48, 48, 6)))
    shown = [slab[number].warp is None for number in range(12)]
    assert sum(shown) >= 6


def test_views_of_a_warped_scan_lie_as_often_at_its_ends_as_without_a_warp():
    """In a scan hardly larger than a view too, where views inside the warped field alone would all lie at its centre."""
    store = FakeStore({"a": FakeScan("a", (48, 24, 60))})
    policy = ViewPolicy(views=2, view_size=(16, 16, 16))

    def spread(strength: float) -> np.ndarray:
        reader = ViewReader(store, policy, warp=strength)
        samples = [reader.draw("a", np.random.default_rng(number), number) for number in range(150)]
        warped = [sample for sample in samples if (sample.warp is not None) == (strength > 0)]
        assert len(warped) > 75
        return np.concatenate([sample.centres_mm.numpy() for sample in warped]).std(axis=0)

    plain = spread(0.0)
    for strength in (0.2, 0.6):
        assert (spread(strength) > 0.9 * plain).all()


def test_a_warp_that_is_no_strength_is_refused():
    with pytest.raises(Exception, match="warp: wanted a strength from 0 to 1, got 2"):
        views(fake_store(), 2.0)


def test_a_scan_that_holds_no_view_is_refused_as_without_warps():
    tiny = views(FakeStore({"a": FakeScan("tiny.mha", (16, 4, 16))}), 1.0)
    for number in range(4):
        with pytest.raises(ScanError, match=r"tiny\.mha: .*axis 1: 4 < 8 voxels"):
            tiny[number]


def test_validation_shows_scans_as_they_are():
    sample = ValidationViews(large_store(), ["key0"], ViewPolicy(views=2, view_size=(10, 8, 10)))[0]
    assert sample.warp is None
