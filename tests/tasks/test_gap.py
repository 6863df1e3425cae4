import dataclasses

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.geometry.pairs import distances, pair_index
from orienteer.tasks.gap import GapPrediction, GapTargets
from tests.helpers.synthetic import UNIT_MM, make_features, make_task, make_views


def hand_made() -> tuple[GapTargets, GapPrediction]:
    """Two views 100 mm apart along axis 0, predicted 50 mm apart along axis 1."""
    truth, guess = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    truth[0, 0, 1], truth[0, 1, 0] = torch.tensor([100.0, 0, 0]), torch.tensor([-100.0, 0, 0])
    guess[0, 0, 1], guess[0, 1, 0] = torch.tensor([0, 0.5, 0]), torch.tensor([0, -0.5, 0])
    return GapTargets(gaps_mm=truth), GapPrediction(gaps=guess)


def test_hand_made_losses_and_metrics():
    targets, prediction = hand_made()
    task = make_task("gap", views=2)
    losses, metrics = task.loss(prediction, targets), task.metrics(prediction, targets)
    assert losses["gap"].item() == pytest.approx((1.0 + 0.25) / 3)
    assert losses["distance"].item() == pytest.approx(0.25)
    assert metrics["gap_error_mm"].item() == pytest.approx(np.hypot(100, 50))
    assert metrics["distance_error_mm"].item() == pytest.approx(50)


def test_losses_equal_naive_loops_over_pairs():
    task, views = make_task("gap"), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    gap, distance = [], []
    for b in range(2):
        for i in range(3):
            for j in range(i + 1, 3):
                truth = (views.centres_mm[b, j] - views.centres_mm[b, i]) / UNIT_MM
                guess = prediction.gaps[b, i, j]
                gap.append((guess - truth).square().mean())
                distance.append((guess.norm() - truth.norm()).square())
    losses = task.loss(prediction, targets)
    torch.testing.assert_close(losses["gap"], torch.stack(gap).mean())
    torch.testing.assert_close(losses["distance"], torch.stack(distance).mean())


def test_the_gap_is_the_read_out_of_the_difference_of_view_vectors():
    task, features = make_task("gap"), make_features()
    z = task.vector(features.levels[-1])
    torch.testing.assert_close(task(features).gaps[:, 0, 2], task.read_out(z[:, 2] - z[:, 0]), atol=1e-5, rtol=1e-4)


def test_predictions_start_near_zero():
    assert distances(make_task("gap")(make_features()).gaps).max() < 0.5


def test_unit_mm_scales_the_losses_and_not_the_targets():
    task, views, features = make_task("gap"), make_views(), make_features()
    shape = dataclasses.replace(task.shape, unit_mm=10 * UNIT_MM)
    other = type(task)(task.config, task.specs, shape)
    other.load_state_dict(task.state_dict())
    torch.testing.assert_close(other.targets(views).gaps_mm, task.targets(views).gaps_mm)
    prediction, targets = task(features), task.targets(views)
    assert other.loss(prediction, targets)["gap"] < task.loss(prediction, targets)["gap"]


def test_the_trivial_baselines_are_zero_and_the_training_mean():
    task, train, views = make_task("gap"), [make_views(seed=1), make_views(seed=2, batch=5)], make_views(seed=3)
    task.fit_baselines(train)
    i, j = pair_index(3)
    lengths = torch.cat([distances(task.targets(batch).gaps_mm[:, i, j]).flatten() for batch in train])
    truth = distances(task.targets(views).gaps_mm[:, i, j])
    trivial = task.baselines(views, task.targets(views))["trivial"]
    torch.testing.assert_close(trivial["gap_error_mm"], truth.mean())
    torch.testing.assert_close(trivial["distance_error_mm"], (truth - lengths.mean()).abs().mean())


def test_baselines_that_were_not_fitted_are_nan():
    task, views = make_task("gap"), make_views()
    baselines = task.baselines(views, task.targets(views))
    assert baselines["trivial"]["distance_error_mm"].isnan()
    assert baselines["histogram"]["gap_error_mm"].isnan()


def test_the_histogram_baseline_learns_places_that_brightness_gives_away():
    """Views whose brightness grows along axis 2: a histogram is all it takes."""

    def bright(seed: int):
        views = make_views(batch=12, seed=seed)
        level = views.centres_mm[:, :, 2] / 300
        flat = level[..., None, None, None, None] + 0.02 * views.images
        centres = views.centres_mm * torch.tensor([0.0, 0.0, 1.0])
        return dataclasses.replace(views, images=flat.clamp(-1, 1), centres_mm=centres)

    task, views = make_task("gap"), bright(9)
    task.fit_baselines([bright(1), bright(2), bright(3)])
    baselines = task.baselines(views, task.targets(views))
    assert baselines["histogram"]["gap_error_mm"] < 0.5 * baselines["trivial"]["gap_error_mm"]


def test_one_view_is_refused():
    with pytest.raises(InputError, match="views: wanted at least 2 for task 'gap', got 1"):
        make_task("gap", views=1)


def test_the_picture_shows_the_targets_of_the_loss():
    task, views = make_task("gap"), make_views()
    task.fit_baselines([make_views(seed=1)])
    prediction, targets = task(make_features()), task.targets(views)
    figure = task.picture(views, prediction, targets)
    true, guess, scatter = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    np.testing.assert_allclose(true.images[0].get_array(), distances(targets.gaps_mm[0]), rtol=1e-5)
    np.testing.assert_allclose(guess.images[0].get_array(), prediction.distances[0].detach() * UNIT_MM, rtol=1e-5)
    i, j = pair_index(3)
    drawn = next(line for line in scatter.lines if line.get_label().startswith("model"))
    np.testing.assert_allclose(drawn.get_xdata(), distances(targets.gaps_mm[:, i, j]).flatten(), rtol=1e-5)
