"""The dense gap task against a plain loop over pairs of cells."""

import numpy as np
import pytest
import torch

from orienteer.tasks.base import FeatureSpec, ViewShape
from orienteer.tasks.dense_gap import DenseGap, DenseGapConfig, DenseGapPrediction
from tests.helpers.synthetic import UNIT_MM, make_features, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_dense_gap_is_half_the_mean_square_of_all_gaps():
    shape = ViewShape((8, 8, 8), (2.0, 3.0, 4.0), 2, UNIT_MM)
    task = DenseGap(DenseGapConfig(), [FeatureSpec(8, (4, 4, 4))], shape)
    views = make_views(views=2, size=(8, 8, 8))
    truth = task.targets(views).places_mm
    guess = rand(*truth.shape)
    guess = guess - guess.mean(dim=(1, 3, 4, 5), keepdim=True)
    squares = []
    for item in range(2):
        true = truth[item].movedim(1, -1).reshape(-1, 3) / UNIT_MM
        told = guess[item].movedim(1, -1).reshape(-1, 3)
        squares += [float(((told[j] - told[i]) - (true[j] - true[i])).square().sum()) for i, j in np.ndindex(16, 16)]
    loss = task.loss(DenseGapPrediction(guess), task.targets(views))["dense_gap"]
    assert loss.item() == pytest.approx(np.mean(squares) / 2, rel=1e-4)


@pytest.mark.parametrize(("level", "used"), [(-1, 2), (0, 0), (1, 1), (7, 2)])
def test_the_level_of_the_settings_is_used_or_the_coarsest(level, used):
    task = make_task("dense_gap", level=level)
    cells = make_features().levels[used].shape[-3:]
    assert task(make_features()).places.shape[-3:] == cells == task.targets(make_views()).places_mm.shape[-3:]


def test_predictions_have_no_offset_per_scan():
    places = make_task("dense_gap")(make_features()).places
    torch.testing.assert_close(places.mean(dim=(1, 3, 4, 5)), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_the_cell_baseline_is_exact_for_views_at_one_place():
    task, views = make_task("dense_gap"), make_views()
    views.centres_mm[:] = views.centres_mm[:, :1]
    baselines = task.baselines(views, task.targets(views))
    assert baselines["cell"]["place_in_scan_error_mm"].item() == pytest.approx(0, abs=1e-4)
    assert baselines["trivial"]["place_in_scan_error_mm"] > 1


def test_placed_cells_are_the_prediction_before_it_is_centred():
    task, features = make_task("dense_gap", scale=True), make_features()
    placed, predicted = task.placed_cells(features), task(features)
    centre = placed.places.mean(dim=(1, 3, 4, 5), keepdim=True)
    torch.testing.assert_close(placed.places - centre, predicted.places)
    torch.testing.assert_close(placed.scales, predicted.scales)
    alone = task.placed_cells(type(features)(tuple(level[:, :1] for level in features.levels)))
    torch.testing.assert_close(alone.places, placed.places[:, :1])  # no view depends on the others
