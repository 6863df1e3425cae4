"""The place contrast task against a plain loop over places."""

import math

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.tasks.place_contrast import PlaceContrastPrediction
from tests.helpers.synthetic import SIZE, SPACING, SPECS, make_features, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


def test_place_contrast_is_info_nce_over_the_places_of_the_scan():
    task, views = make_task("place_contrast", views=4, places=6), make_views(views=4)
    targets = task.targets(views)
    assert targets.overlapping.all()
    maps = rand(2, 4, 32, *SPECS[0].cells(SIZE))
    first, second = task.embedded(PlaceContrastPrediction(maps), targets)
    losses = []
    for item in range(2):
        places = [(pair, n) for pair in range(2) for n in range(6)]
        for one in places:
            forwards, backwards = 0.0, 0.0
            for other in places:
                apart = float((targets.places_mm[item][one] - targets.places_mm[item][other]).norm())
                if one != other and apart < task.apart_mm:
                    continue
                forwards += math.exp(cosine(first[item][one], second[item][other]) / 0.1)
                backwards += math.exp(cosine(first[item][other], second[item][one]) / 0.1)
            same = math.exp(cosine(first[item][one], second[item][one]) / 0.1)
            losses.append(-(math.log(same / forwards) + math.log(same / backwards)) / 2)
    loss = task.loss(PlaceContrastPrediction(maps), targets)["place"]
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-3)


def test_places_are_the_same_in_both_views_and_inside_both():
    task, views = make_task("place_contrast", views=4), make_views(views=4, seed=3)
    targets = task.targets(views)
    middle = (torch.tensor(SIZE) - 1) / 2
    for side, places in enumerate((targets.first_vox, targets.second_vox)):
        assert (places >= -0.5).all()
        assert (places <= torch.tensor(SIZE) - 0.5).all()
        mm = views.centres_mm[:, side::2, None] + (places - middle) * torch.tensor(SPACING)
        centred = mm - mm.mean(dim=(1, 2), keepdim=True)
        assert torch.allclose(centred, targets.places_mm, atol=1e-3)


def test_pairs_that_do_not_overlap_have_no_loss_and_no_gradient():
    task, views = make_task("place_contrast", views=2), make_views(views=2)
    views.centres_mm[:, 1] += 1000
    features = make_features(views=2, grad=True)
    prediction, targets = task(features), task.targets(views)
    loss = task.loss(prediction, targets)["place"]
    assert loss.item() == 0
    loss.backward()
    assert all(level.grad is None or level.grad.abs().max() == 0 for level in features.levels)
    assert all(figure.isfinite() for figure in task.metrics(prediction, targets).values())


def test_places_depend_on_the_draw_alone():
    task = make_task("place_contrast", views=2)
    first, same, other = (task.targets(make_views(views=2, draw=draw)) for draw in (3, 3, 4))
    assert torch.equal(first.first_vox, same.first_vox)
    assert not torch.equal(first.first_vox, other.first_vox)


def test_the_trivial_baseline_is_the_mean_distance_between_places():
    task, views = make_task("place_contrast", views=2, places=5), make_views(views=2)
    targets = task.targets(views)
    places = targets.places_mm[:, 0]
    mean = torch.stack([(places[b, i] - places[b, j]).norm() for b, i, j in np.ndindex(2, 5, 5)]).mean()
    baseline = task.baselines(views, targets)["trivial"]
    torch.testing.assert_close(baseline["place_error_mm"], mean, rtol=1e-4, atol=1e-3)
    assert baseline["place_accuracy"].item() == pytest.approx(1 / 5)


def test_raw_intensities_recognise_places_of_one_volume():
    size = (16, 16, 16)
    volume = torch.randn(20, 16, 16, generator=torch.Generator().manual_seed(0))
    views = make_views(batch=1, views=2, size=size)
    views.images[0, 0, 0], views.images[0, 1, 0] = volume[:16], volume[4:]
    views.centres_mm[0, 1] = views.centres_mm[0, 0] + torch.tensor([4.0 * SPACING[0], 0.0, 0.0])
    task = make_task("place_contrast", views=2, size=size, places=24)
    assert task.baselines(views, task.targets(views))["raw"]["place_accuracy"] > 0.9


def test_the_picture_draws_the_places_of_the_loss_and_leads_to_their_matches():
    task, views = make_task("place_contrast", views=2, places=5), make_views(views=2)
    prediction, targets = task(make_features(views=2)), task.targets(views)
    left, right = task.picture(views, prediction, targets).axes
    first, second = task.embedded(prediction, targets)
    best = (first[0, 0] @ second[0, 0].T).argmax(-1)
    middle = (torch.tensor(SIZE) - 1) / 2
    places = views.centres_mm[0, 0] + (targets.first_vox[0, 0] - middle) * torch.tensor(SPACING)
    assert len(left.patches) == len(right.patches) == 6  # the frame of the view, and a box for each place
    for number, line in enumerate(right.lines):
        ends = np.array([line.get_xdata(), line.get_ydata()]).T
        np.testing.assert_allclose(ends, places[torch.tensor([number, int(best[number])])][:, [0, 2]], atol=1e-2)


def test_pairs_beyond_those_of_the_settings_are_neither_embedded_nor_compared():
    views, features = make_views(views=4), make_features(views=4)
    one, every = make_task("place_contrast", pairs=1), make_task("place_contrast")
    every.load_state_dict(one.state_dict())
    assert one.targets(views).overlapping.shape == (views.batch, 1)
    assert every.targets(views).overlapping.shape == (views.batch, 2)
    one.train()
    trained = one(features).embedding
    assert trained.shape[1] == 2
    one.eval()
    torch.testing.assert_close(one(features).embedding[:, :2], trained)
    assert one(features).embedding.shape[1] == 4


def test_pairs_are_counted_from_zero_on():
    with pytest.raises(InputError, match=r"tasks.place_contrast.pairs: wanted 0 or more, got -1"):
        make_task("place_contrast", pairs=-1)
