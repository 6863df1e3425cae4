import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from orienteer.errors import InputError, ScanError
from orienteer.views.augment import Augmentation
from orienteer.views.batch import ViewBatch
from orienteer.views.dataset import TrainingViews, ValidationViews
from orienteer.views.loader import GlobalBatches, collate
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import ViewSample
from tests.helpers.fake_views import FakeStore, fake_store

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


def assert_same_batches(first: list[ViewBatch], second: list[ViewBatch]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.centres_mm, other.centres_mm)
        assert (one.scans, one.spacing_mm, one.draw) == (other.scans, other.spacing_mm, other.draw)


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


def test_workers_change_nothing():
    alone = loaded(training(augmentation=Augmentation()), steps=3)
    assert_same_batches(alone, loaded(training(augmentation=Augmentation()), workers=2, context="fork", steps=3))


def test_a_pickled_dataset_draws_the_same_samples():
    """As it reaches a spawned worker; `test_store_views` starts such a worker with a real store."""
    views = training(augmentation=Augmentation())
    copied = pickle.loads(pickle.dumps(views))
    for number in (0, 7):
        assert_same_sample(copied[number], views[number])


def test_resuming_gives_the_batches_that_were_left():
    whole = loaded(training(augmentation=Augmentation()))
    assert [batch.draw for batch in whole] == list(range(10))
    assert_same_batches(whole[6:], loaded(training(augmentation=Augmentation()), start_step=6))


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


def test_a_read_error_names_the_scan():
    views = training(store=fake_store(scans=1, broken=frozenset({"key000"})))
    with pytest.raises(ScanError, match=r"folder/scan0\.nii\.gz: .*OSError: the disk is gone") as caught:
        views[0]
    assert caught.value.step == "read"
    with pytest.raises(RuntimeError, match=r"(?s)worker process 0.*folder/scan0\.nii\.gz.*the disk is gone"):
        loaded(views, workers=1)


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
