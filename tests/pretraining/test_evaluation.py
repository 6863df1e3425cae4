"""Means of metrics over batches and processes."""

import pytest
import torch

from orienteer.pretraining.evaluation import MetricSums

BATCHES = [({"a": 1.0, "b": 4.0}, 1), ({"a": 3.0, "b": 0.0}, 3), ({"a": -2.0, "b": 0.5}, 2)]


def sums_of(batches: list[tuple[dict[str, float], int]]) -> MetricSums:
    sums = MetricSums()
    for metrics, sets in batches:
        sums.add({key: torch.tensor(value) for key, value in metrics.items()}, sets)
    return sums


def test_batches_are_weighted_by_their_view_sets() -> None:
    every = [metrics for metrics, sets in BATCHES for _ in range(sets)]
    means = MetricSums.means(*sums_of(BATCHES).sums())
    assert means == pytest.approx({key: sum(metrics[key] for metrics in every) / len(every) for key in ("a", "b")})


def test_sums_of_two_processes_are_those_of_one() -> None:
    keys, whole = sums_of(BATCHES).sums()
    (first_keys, first), (second_keys, second) = sums_of(BATCHES[:1]).sums(), sums_of(BATCHES[1:]).sums()
    assert keys == first_keys == second_keys
    torch.testing.assert_close(first + second, whole)
