import pytest

from orienteer.errors import InputError
from orienteer.views.dataset import ValidationViews
from orienteer.views.loader import GlobalBatches, collate
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import FakeScan, FakeStore, fake_store

POLICY = ViewPolicy(views=3, view_size=(8, 6, 10))


def samples(*numbers: int) -> list:
    views = ValidationViews(fake_store(), ["key000"], POLICY, sets_per_scan=16)
    return [views[number] for number in numbers]


@pytest.mark.parametrize(("micro", "world"), [(1, 2), (2, 1), (2, 2), (1, 4), (4, 1)])
def test_shares_of_processes_and_micro_batches_join_to_the_whole_step(micro, world):
    whole = list(GlobalBatches(steps=5, batch=8, start_step=2))
    shares = [list(GlobalBatches(5, 8, 2, micro, rank, world)) for rank in range(world)]
    assert all(len(share) == len(GlobalBatches(5, 8, 2, micro, 0, world)) == 3 * micro for share in shares)
    for step in range(3):
        joined = [n for m in range(micro) for rank in range(world) for n in shares[rank][step * micro + m]]
        assert joined == whole[step] == list(range((step + 2) * 8, (step + 3) * 8))


def test_collate_counts_draws_in_global_steps():
    pair = samples(8, 9)
    assert collate(pair, batch=4).draw == 2
    assert collate(pair).draw == 0
    batch = collate(pair, batch=8)
    assert (batch.batch, batch.views, batch.size_vox) == (2, 3, POLICY.view_size)
    assert batch.scans == (pair[0].scan, pair[1].scan)
    with pytest.raises(InputError, match=r"samples of one step, got steps \[1, 2\]"):
        collate(samples(7, 8), batch=4)


def test_collate_refuses_scans_of_two_spacings():
    store = FakeStore({"a": FakeScan("a", (16, 16, 16)), "b": FakeScan("b", (16, 16, 16), (1.0, 1.0, 1.0))})
    views = ValidationViews(store, ["a", "b"], POLICY)
    with pytest.raises(InputError, match=r"views of one shape and spacing.*'a', 'b'"):
        collate([views[0], views[1]])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch": 6, "micro_batches": 2, "world": 2}, r"batch: wanted a multiple of 4 .*got 6. Do this: use batch 8"),
        ({"batch": 1, "world": 2}, "use batch 2"),
        ({"batch": 0}, "batch: wanted at least 1"),
        ({"batch": 4, "micro_batches": 0}, "micro_batches: wanted at least 1"),
        ({"batch": 4, "rank": 2, "world": 2}, "rank: wanted 0 to 1, got 2"),
        ({"batch": 4, "start_step": 9}, "steps: wanted at least the 9 already completed, got 3"),
    ],
)
def test_batches_that_cannot_be_shared_out_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        GlobalBatches(steps=3, **settings)
