import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from orienteer.errors import InputError, ScanError
from orienteer.views import dataset
from orienteer.views.augment import Augmentation
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import GlobalBatches, TrainingViews, ValidationViews, ViewSample, centre_mm, collate
from orienteer.views.sample import ViewPolicy
from tests.helpers.fake_views import FakeScan, FakeStore, fake_store

POLICY = ViewPolicy(views=3, view_size=(8, 6, 10))
PLAIN = Augmentation(enabled=False)
BATCH = 4


def training(seed: int = 11, augmentation: Augmentation = PLAIN, store: FakeStore | None = None) -> TrainingViews:
    store = store or fake_store()
    return TrainingViews(store, sorted(store.scans), POLICY, augmentation, seed, total_samples=10 * BATCH)


def loaded(views: TrainingViews, workers: int = 0, context: str | None = None, **batches) -> list[ViewBatch]:
    sampler = GlobalBatches(**({"steps": 10, "batch": BATCH} | batches))
    loader = DataLoader(
        views,
        batch_sampler=sampler,
        collate_fn=partial(collate, batch=sampler.batch),
        num_workers=workers,
        multiprocessing_context=context,
    )
    return list(loader)


def assert_same_sample(one: ViewSample, other: ViewSample) -> None:
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.centres_mm, other.centres_mm)
    assert (one.scan, one.spacing_mm, one.number) == (other.scan, other.spacing_mm, other.number)


def assert_same_batches(some: list[ViewBatch], others: list[ViewBatch]) -> None:
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.centres_mm, other.centres_mm)
        assert (one.scans, one.spacing_mm, one.draw) == (other.scans, other.spacing_mm, other.draw)


def test_centres_follow_the_convention_of_the_middle_of_a_voxel():
    scan = FakeScan("a", (30, 30, 30), (1.5, 2.0, 2.5), (-30.0, 12.5, 400.0))
    centres = centre_mm(scan, np.array([[0, 0, 0], [2, 1, 4]]), (1, 2, 5))
    assert centres.dtype == np.float64
    assert centres.tolist() == [[-30.0, 13.5, 405.0], [-27.0, 15.5, 415.0]]


def test_a_sample_holds_the_voxels_that_lie_at_its_centres():
    store = fake_store()
    for number in range(6):
        sample = training(store=store)[number]
        scan = store.scans[sample.scan]
        assert sample.images.shape == (3, 1, 8, 6, 10)
        assert sample.images.dtype == sample.centres_mm.dtype == torch.float32
        assert sample.spacing_mm == scan.spacing_mm
        middle = (sample.centres_mm.numpy() - scan.origin_mm) / scan.spacing_mm
        starts = np.rint(middle - (np.array(POLICY.view_size) - 1) / 2).astype(int)
        for view, start in zip(sample.images, starts, strict=True):
            assert np.array_equal(view[0].numpy(), store.read(sample.scan, tuple(start), POLICY.view_size))


def test_a_sample_depends_on_seed_and_number_alone():
    views = training(augmentation=Augmentation())
    backwards = {number: views[number] for number in reversed(range(12))}
    for number in range(12):
        assert_same_sample(training(augmentation=Augmentation())[number], backwards[number])
    other = training(seed=12, augmentation=Augmentation())
    assert not any(torch.equal(other[n].centres_mm, backwards[n].centres_mm) for n in range(12))
    assert len({tuple(sample.centres_mm.flatten().tolist()) for sample in backwards.values()}) == 12


def test_no_two_samples_of_one_scan_are_drawn_alike():
    views = training(store=fake_store(scans=1))
    assert len({tuple(views[number].centres_mm.flatten().tolist()) for number in range(40)}) == 40


def test_every_epoch_visits_each_scan_once_in_an_order_of_its_own():
    store = fake_store(scans=9)
    views = TrainingViews(store, sorted(store.scans), POLICY, PLAIN, seed=0, total_samples=9 * 20)
    epochs = [tuple(views.scan_of(number) for number in range(9 * e, 9 * e + 9)) for e in range(20)]
    assert all(sorted(epoch) == sorted(store.scans) for epoch in epochs)
    assert len(set(epochs)) > 15
    assert len(views._orders) <= 2


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_change_nothing(context):
    alone = loaded(training(augmentation=Augmentation()), steps=3)
    assert_same_batches(alone, loaded(training(augmentation=Augmentation()), workers=2, context=context, steps=3))


def test_resuming_gives_the_batches_that_were_left():
    whole = loaded(training(augmentation=Augmentation()))
    assert [batch.draw for batch in whole] == list(range(10))
    assert_same_batches(whole[6:], loaded(training(augmentation=Augmentation()), start_step=6))


@pytest.mark.parametrize(("micro", "world"), [(1, 2), (2, 1), (2, 2), (1, 4), (4, 1)])
def test_shares_of_processes_and_micro_batches_join_to_the_whole_step(micro, world):
    whole = list(GlobalBatches(steps=5, batch=8, start_step=2))
    shares = [list(GlobalBatches(5, 8, 2, micro, rank, world)) for rank in range(world)]
    assert all(len(share) == len(GlobalBatches(5, 8, 2, micro, 0, world)) == 3 * micro for share in shares)
    for step in range(3):
        joined = [n for m in range(micro) for rank in range(world) for n in shares[rank][step * micro + m]]
        assert joined == whole[step] == list(range((step + 2) * 8, (step + 3) * 8))


def test_two_processes_see_the_views_of_one_and_the_same_draw():
    whole = loaded(training())
    first, second = (loaded(training(), rank=rank, world=2) for rank in range(2))
    for one, a, b in zip(whole, first, second, strict=True):
        assert torch.equal(one.images, torch.cat([a.images, b.images]))
        assert one.scans == a.scans + b.scans
        assert one.draw == a.draw == b.draw


def test_validation_depends_on_the_scan_alone():
    store = fake_store()
    keys = sorted(store.scans)
    views = ValidationViews(store, keys, POLICY, sets_per_scan=2)
    assert len(views) == 10
    by_scan = {(views[n].scan, n % 2): views[n].centres_mm for n in range(10)}
    fewer = ValidationViews(store, keys[3:1:-1], POLICY, sets_per_scan=1)
    for number, key in enumerate(keys[3:1:-1]):
        assert torch.equal(fewer[number].centres_mm, by_scan[key, 0])
    assert len({tuple(centres.flatten().tolist()) for centres in by_scan.values()}) == 10


def test_validation_is_never_augmented():
    store = fake_store()
    sample = ValidationViews(store, ["key001"], POLICY)[0]
    start = np.rint((sample.centres_mm[0].numpy() - (-30.0, 12.5, 400.0)) / (1.5, 2.0, 2.5) - (3.5, 2.5, 4.5)).astype(
        int
    )
    assert np.array_equal(sample.images[0, 0].numpy(), store.read("key001", tuple(start), POLICY.view_size))


def test_augmentation_moves_no_centre_and_differs_between_views():
    plain, augmented = training()[5], training(augmentation=Augmentation(scale_probability=1.0))[5]
    assert torch.equal(plain.centres_mm, augmented.centres_mm)
    spreads = augmented.images.flatten(1).std(1) / plain.images.flatten(1).std(1)
    assert len({round(float(spread), 4) for spread in spreads}) == 3


def test_global_random_numbers_are_left_alone():
    everything = Augmentation(**{f"{c}_probability": 1.0 for c in ("scale", "shift", "gamma", "noise", "blur")})
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    collate([training(augmentation=everything)[n] for n in range(4)], batch=4)
    assert ValidationViews(fake_store(), ["key000"], POLICY)[0].images.shape[0] == 3
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_collate_counts_draws_in_global_steps():
    samples = [training()[number] for number in (8, 9)]
    assert collate(samples, batch=4).draw == 2
    assert collate(samples).draw == 0
    batch = collate(samples, batch=8)
    assert (batch.batch, batch.views, batch.size_vox) == (2, 3, POLICY.view_size)
    assert batch.scans == (samples[0].scan, samples[1].scan)
    with pytest.raises(InputError, match=r"samples of one step, got steps \[1, 2\]"):
        collate([training()[7], training()[8]], batch=4)


def test_collate_refuses_scans_of_two_spacings():
    store = FakeStore({"a": FakeScan("a", (16, 16, 16)), "b": FakeScan("b", (16, 16, 16), (1.0, 1.0, 1.0))})
    views = ValidationViews(store, ["a", "b"], POLICY)
    with pytest.raises(InputError, match=r"views of one shape and spacing.*'a', 'b'"):
        collate([views[0], views[1]])


def test_a_read_error_names_the_scan():
    views = training(store=fake_store(scans=1, broken=frozenset({"key000"})))
    with pytest.raises(ScanError, match=r"folder/scan0\.nii\.gz: .*OSError: the disk is gone") as caught:
        views[0]
    assert caught.value.step == "read"
    with pytest.raises(RuntimeError, match=r"(?s)worker process 0.*folder/scan0\.nii\.gz.*the disk is gone"):
        loaded(views, workers=1)


def test_a_missing_entry_names_the_key():
    views = ValidationViews(fake_store(), ["gone"], POLICY)
    with pytest.raises(ScanError, match=r"scan gone: .*KeyError"):
        views[0]


def test_a_scan_too_small_is_named_as_such():
    views = ValidationViews(FakeStore({"a": FakeScan("tiny.mha", (16, 4, 16))}), ["a"], POLICY)
    with pytest.raises(ScanError, match=r"tiny\.mha: .*axis 1: 4 < 6 voxels") as caught:
        views[0]
    assert caught.value.step == "fit"


def test_memory_is_bounded_and_recent_scans_are_not_read_twice(monkeypatch):
    store = fake_store(scans=40)
    views = ValidationViews(store, sorted(store.scans), POLICY)
    one = dataset._bytes(store.body("key000"))
    monkeypatch.setattr(dataset, "_RECENT_BYTES", 10 * one)
    store.bodies_read.clear()
    for number in (*range(40), 39, 38, 0):
        views[number]
    assert store.bodies_read == [*sorted(store.scans), "key000"]
    for number in (*range(8), 0, 8, 9, 10, 0):  # scan 0 was used again, so scan 1 has to go before it
        views[number]
    assert store.bodies_read.count("key000") == 2
    assert 5 <= len(views._reader._recent) <= 12
    assert views._reader._recent_bytes == sum(dataset._bytes(body) for _, body in views._reader._recent.values())
    assert views._reader._recent_bytes <= 10 * one
    assert len(pickle.loads(pickle.dumps(views))._reader._recent) == 0  # a new process begins with nothing


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch": 6, "micro_batches": 2, "world": 2}, r"batch: wanted a multiple of 4 .*got 6. Do this: use batch 8"),
        ({"batch": 1, "world": 2}, "use batch 2"),
        ({"batch": 0}, "batch: wanted at least 1"),
        ({"batch": 4, "micro_batches": 0}, "micro_batches: wanted at least 1"),
        ({"batch": 4, "rank": 2, "world": 2}, "rank: wanted 0 to 1, got 2"),
        ({"batch": 4, "start_step": 9}, "steps: wanted at least the 9 done, got 3"),
    ],
)
def test_batches_that_cannot_be_shared_out_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        GlobalBatches(steps=3, **settings)


def test_datasets_refuse_what_cannot_work():
    store = fake_store()
    with pytest.raises(InputError, match="at least one prepared scan"):
        TrainingViews(store, [], POLICY, PLAIN, 0, 8)
    with pytest.raises(InputError, match="seed: wanted a whole number of 0 or more, got -1"):
        TrainingViews(store, ["key000"], POLICY, PLAIN, -1, 8)
    with pytest.raises(InputError, match="plan it first"):
        ValidationViews(store, ["key000"], ViewPolicy())
    with pytest.raises(InputError, match="sets_per_scan: wanted at least 1"):
        ValidationViews(store, ["key000"], POLICY, sets_per_scan=0)
    with pytest.raises(IndexError, match="sample 40 of 40"):
        training()[40]
    with pytest.raises(IndexError, match="sample -1 of 1"):
        ValidationViews(store, ["key000"], POLICY)[-1]
