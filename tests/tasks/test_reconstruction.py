"""The reconstruction task against plain loops over voxels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.tasks.reconstruction import ReconstructionPrediction
from orienteer.views.distort import UNTOUCHED, Distorted
from tests.helpers.synthetic import SIZE, make_features, make_task, make_views

SMALL = (8, 4, 6)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("where", ["hidden", "all"])
def test_reconstruction_is_the_mean_square_over_the_voxels_that_count(where):
    task, views = make_task("reconstruction", size=SMALL, where=where), make_views(size=SMALL)
    voxels = rand(*views.images.shape)
    total, count = 0.0, 0
    for place in np.ndindex(*views.images.shape):
        if where == "all" or bool(views.distorted.hidden[place]):
            total += float(voxels[place] - views.clean[place]) ** 2
            count += 1
    loss = task.loss(ReconstructionPrediction(voxels), task.targets(views))["reconstruction"]
    assert loss.item() == pytest.approx(total / count, rel=1e-4)


def test_a_whole_view_among_masked_ones_does_not_count_and_a_batch_without_hidden_voxels_does():
    task, views = make_task("reconstruction"), make_views()
    views.distorted.hidden[0, 1] = False
    counted = task.targets(views).counted
    assert torch.equal(counted, views.distorted.hidden)
    assert not counted[0, 1].any()
    metrics = task.metrics(ReconstructionPrediction(views.clean + 1), task.targets(views))
    assert torch.isfinite(metrics["unrestored_share"])
    views.distorted.hidden[:] = False
    assert task.targets(views).counted.all()


def test_the_picture_shows_views_of_which_voxels_count():
    task, views = make_task("reconstruction"), make_views()
    views.distorted.hidden[0, 0] = False
    figure = task.picture(views, task(make_features()), task.targets(views))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "view 2, input" in titles
    assert "view 1, input" not in titles


def test_a_coarser_level_restores_the_voxels_that_its_cells_span():
    task = make_task("reconstruction", level=1).eval()
    assert task(make_features()).voxels.shape[-3:] == SIZE
    features = make_features()
    before = task(features).voxels
    features.levels[0][:] = 0  # finer levels are not used
    assert torch.equal(task(features).voxels, before)
    features.levels[1][0, 0, :, 2, 4, 3] += 100 * rand(16)
    difference = (task(features).voxels - before).abs()[0, 0, 0]
    place = np.unravel_index(int(difference.argmax()), SIZE)
    assert all(abs(place[axis] // 4 - cell) <= 1 for axis, cell in enumerate((2, 4, 3)))


def test_a_level_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"tasks\.reconstruction\.level: wanted 0 or more, got -1"):
        make_task("reconstruction", level=-1)


def test_voxels_of_a_cell_come_from_that_cell():
    task = make_task("reconstruction").eval()
    features = make_features()
    before = task(features).voxels
    features.levels[0][0, 0, :, 2, 4, 6] += 100 * rand(8)
    # Group norms couple all cells a little, so the largest change is looked at instead of any.
    difference = (task(features).voxels - before).abs()[0, 0, 0]
    place = np.unravel_index(int(difference.argmax()), SIZE)
    assert all(abs(place[axis] // 2 - cell) <= 1 for axis, cell in enumerate((2, 4, 6)))


def test_the_metric_is_one_for_the_mean_of_each_view_and_zero_for_the_original():
    task, views = make_task("reconstruction", where="all"), make_views()
    targets = task.targets(views)
    mean = targets.clean.mean(dim=(2, 3, 4, 5), keepdim=True).expand_as(targets.clean)
    assert task.metrics(ReconstructionPrediction(mean), targets)["unrestored_share"].item() == pytest.approx(
        1, rel=1e-5
    )
    assert task.metrics(ReconstructionPrediction(targets.clean), targets)["unrestored_share"].item() == 0


def test_the_baselines_predict_the_mean_of_what_is_visible_and_the_input():
    task, views = make_task("reconstruction", size=SMALL), make_views(size=SMALL)
    targets = task.targets(views)
    baselines = task.baselines(views, targets)
    hidden, predicted = views.distorted.hidden, torch.empty_like(views.images)
    for item, view in np.ndindex(2, 3):
        predicted[item, view] = views.images[item, view][~hidden[item, view]].mean()
    for name, voxels in (("trivial", predicted), ("input", views.images)):
        expected = task.metrics(ReconstructionPrediction(voxels), targets)["unrestored_share"]
        torch.testing.assert_close(baselines[name]["unrestored_share"], expected)
    assert baselines["input"]["unrestored_share"] > 0.9


def test_views_without_contrast_have_finite_metrics():
    task, views = make_task("reconstruction", size=SMALL), make_views(size=SMALL)
    views.distorted.clean.zero_()
    views.images.zero_()
    targets = task.targets(views)
    prediction = ReconstructionPrediction(torch.zeros_like(views.images))
    assert task.metrics(prediction, targets)["unrestored_share"].item() == 0


def test_every_second_view_is_restored_in_training_and_all_in_validation():
    """The loss is that of restoring all views, if nothing is hidden in the others: they do not count there."""
    task, views, features = make_task("reconstruction", every=2), make_views(views=4), make_features(views=4)
    hidden = torch.zeros_like(views.images, dtype=torch.bool)
    hidden[:, 1::2, :, :4] = True
    untouched = torch.full((views.batch, 4), UNTOUCHED)
    views = replace(views, distorted=Distorted(views.images, hidden, untouched, untouched))
    losses = []
    for training in (True, False):
        task.train(training)
        prediction, targets = task(features), task.targets(views)
        assert prediction.voxels.shape == targets.clean.shape
        assert prediction.voxels.shape[1] == (2 if training else 4)
        losses.append(task.loss(prediction, targets)["reconstruction"].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_views_are_restored_every_so_many_from_one_on():
    with pytest.raises(InputError, match=r"tasks.reconstruction.every: wanted 1 or more, got 0"):
        make_task("reconstruction", every=0)
