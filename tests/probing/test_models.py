"""The models on frozen features: they fit, the inner split chooses, weights count."""

import numpy as np
import pytest

from orienteer.probing.models import BALANCES, STRENGTHS, balanced, channel_scale, fit_probe, inner_split


def share_correct(true: np.ndarray, scores: np.ndarray, _weights: np.ndarray) -> float:
    return float((scores.argmax(1) == true).mean())


@pytest.mark.parametrize("kind", list(STRENGTHS))
def test_every_model_finds_classes_that_lie_apart(kind: str) -> None:
    rng = np.random.default_rng(0)
    centres = 2 * rng.normal(size=(3, 6))

    def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
        classes = rng.integers(0, 3, rows)
        features = rng.normal(size=(rows, 6)) + centres[classes]
        # A channel that never changes must not matter, nor one that changes in the sixth digit only when fitting.
        return np.column_stack([features, np.full(rows, 7.0)]).astype(np.float32), classes

    features, classes = drawn(300)
    half = [(np.arange(0, 300, 2), np.arange(1, 300, 2))]
    model, chosen = fit_probe(kind, features, classes, np.ones(300), 3, half, share_correct)  # type: ignore[arg-type]
    new, true = drawn(200)
    assert (model(new).argmax(1) == true).mean() > 0.9
    assert chosen.strength in STRENGTHS[kind]
    assert chosen.balance in BALANCES


@pytest.mark.parametrize("kind", list(STRENGTHS))
def test_the_inner_split_chooses_and_the_balance_weights_rare_classes_up(kind: str) -> None:
    rng = np.random.default_rng(1)
    classes = (rng.random(600) < 0.05).astype(int)
    features = (rng.normal(size=(600, 3)) + 1.0 * classes[:, None]).astype(np.float32)
    half = [(np.arange(0, 600, 2), np.arange(1, 600, 2))]

    def chosen_for(share: float) -> tuple[float, float]:
        def nearness(_true: np.ndarray, scores: np.ndarray, _weights: np.ndarray) -> float:
            return -abs(float((scores.argmax(1) == 1).mean()) - share)

        model, chosen = fit_probe(kind, features, classes, np.ones(600), 2, half, nearness)  # type: ignore[arg-type]
        return chosen.balance, float((model(features).argmax(1) == 1).mean())

    (low_balance, few), (high_balance, many) = chosen_for(0.0), chosen_for(0.5)
    assert low_balance < high_balance
    assert few < many


def test_weights_stand_for_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    features, classes = rng.normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2
    weights = np.where(np.arange(40) < 20, 3.0, 1.0)
    again = np.concatenate([np.arange(40), np.arange(20), np.arange(20)])
    weighted, _ = fit_probe("ridge", features, classes, weights, 2, [], lambda *_: 0.0)
    repeated, _ = fit_probe("ridge", features[again], classes[again], np.ones(80), 2, [], lambda *_: 0.0)
    # Standardisation ignores weights, so that the penalty differs a little; the fits agree closely.
    assert np.corrcoef(weighted(features)[:, 1], repeated(features)[:, 1])[0, 1] > 0.99


def test_balanced_weights_keep_their_mean_and_full_balance_makes_classes_equal() -> None:
    rng = np.random.default_rng(3)
    classes, weights = rng.integers(0, 3, 200), rng.uniform(0.5, 2, 200)
    for balance in BALANCES:
        assert balanced(classes, weights, 3, balance).mean() == pytest.approx(1)
    sums = np.bincount(classes, balanced(classes, weights, 3, 1.0))
    assert sums == pytest.approx(np.full(3, 200 / 3))


def test_a_constant_channel_is_ignored_and_the_others_are_standardised() -> None:
    features = np.column_stack([np.arange(10.0), np.full(10, 1e6)]).astype(np.float32)
    mean, scale = channel_scale(features)
    standardised = (features - mean) / scale
    assert standardised[:, 0].std() == pytest.approx(1, rel=1e-5)
    assert (standardised[:, 1] == 0).all()


def test_an_inner_split_needs_enough_owners() -> None:
    assert inner_split(np.array([0, 0, 1, 1]), every=3) == []
    ((fitted, held_out),) = inner_split(np.repeat(np.arange(6), 2), every=3)
    assert held_out.tolist() == [4, 5, 10, 11]
    assert sorted([*fitted, *held_out]) == list(range(12))
