"""Which scans a run holds out: a fraction of them, decided by seed and key alone."""

from dataclasses import replace

import pytest

from orienteer.errors import InputError
from orienteer.pretraining.usable import split, usable_scans
from orienteer.runs.loaded import load_run
from orienteer.runs.run import Run

KEYS = [f"scan {number}" for number in range(40)]


@pytest.mark.parametrize(("fraction", "count"), [(0.01, 1), (0.1, 4), (0.25, 10), (0.99, 39)])
def test_every_scan_is_in_one_part(fraction: float, count: int) -> None:
    training, heldout = split(KEYS, fraction, seed=0)
    assert sorted(training + heldout) == sorted(KEYS)
    assert len(heldout) == count


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    assert split(KEYS, 0.25, seed=0) == split(KEYS[::-1], 0.25, seed=0)
    assert split(KEYS, 0.25, seed=0) != split(KEYS, 0.25, seed=1)


def test_a_scan_that_is_added_later_moves_few_others() -> None:
    before, after = (set(split(keys, 0.25, seed=0)[1]) for keys in (KEYS, [*KEYS, "one more"]))
    assert len(before - after) <= 1


def test_one_scan_cannot_be_split() -> None:
    with pytest.raises(InputError, match="wanted at least 2 scans"):
        split(["alone"], 0.5, seed=0)


def test_scans_that_hold_no_view_are_set_aside(finished: Run) -> None:
    loaded = load_run(finished.folder, device="cpu")
    keys = [*loaded.training, *loaded.validation]
    with loaded.open_store() as store:
        assert usable_scans(store, keys, loaded.config, shown=False).keys == tuple(keys)
        wide = usable_scans(store, keys, replace(loaded.config, view_size=(16, 16, 200)), shown=False)
    assert wide.keys == ()
    assert set(wide.too_small) == set(keys)
    assert all("axis 2" in reason for reason in wide.too_small.values())
