"""Which scans a run holds out: a fraction of them, decided by seed and key alone."""

import math
from dataclasses import replace

import pytest

from orienteer.errors import InputError
from orienteer.pretraining.usable import scans_to_hold_out, split, usable_scans
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


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.99])
def test_scans_of_one_patient_are_in_one_part(fraction: float, seed: int) -> None:
    patients = {key: f"P{number % 11}" for number, key in enumerate(KEYS[:33])}
    training, heldout = split(KEYS, fraction, seed, patients)
    assert sorted(training + heldout) == sorted(KEYS)
    assert training
    assert not {patients.get(key, key) for key in training} & {patients.get(key, key) for key in heldout}
    assert 0 < len(heldout) <= max(3, fraction * len(KEYS) + 1)


def test_a_patient_with_most_of_the_scans_is_trained_on() -> None:
    patients = dict.fromkeys(KEYS[:35], "P")
    assert all(set(KEYS[:35]) <= set(split(KEYS, 0.2, seed, patients)[0]) for seed in range(10))


def test_the_split_does_not_depend_on_how_patients_are_called() -> None:
    first, second = (
        {key: f"{word}{number // 3}" for number, key in enumerate(KEYS)} for word in ("P", "the patient of ")
    )
    assert split(KEYS, 0.25, 0, first) == split(KEYS, 0.25, 0, second)


def test_scans_of_one_patient_alone_cannot_be_split() -> None:
    with pytest.raises(
        InputError, match="wanted scans of at least 2 patients, one of them held out, got 40 scans of one"
    ):
        split(KEYS, 0.25, 0, dict.fromkeys(KEYS, "P"))


@pytest.mark.parametrize("scans", [2, 3, 8, 9, 15, 29, 30, 57, 95, 190, 500])
def test_small_collections_hold_out_more_and_never_more_than_a_third(scans: int) -> None:
    number = scans_to_hold_out(scans, None)
    assert 1 <= number <= max(1, scans // 3)
    assert number >= min(3, scans // 3)
    assert number >= scans / 10
    assert number <= max(19, math.ceil(scans / 10))
    assert len(split([str(each) for each in range(scans)], None, seed=0)[1]) == number
