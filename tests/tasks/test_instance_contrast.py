"""The instance contrast task against a plain loop over views."""

import math

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.tasks.base import ViewShape
from orienteer.tasks.instance_contrast import InstanceContrast, InstanceContrastConfig, InstanceContrastPrediction
from tests.helpers.synthetic import SIZE, SPACING, SPECS, UNIT_MM, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


@pytest.mark.parametrize("views", [2, 3, 4])
def test_instance_contrast_is_nt_xent(views):
    task, batch = make_task("instance_contrast", views=views), make_views(views=views)
    vectors = rand(2, views, 64)
    flat, lost = [vectors[i, v] for i in range(2) for v in range(views)], []
    for number, own in enumerate(flat):
        item, view = divmod(number, views)
        partner = view + 1 if view % 2 == 0 else view - 1
        if partner >= views:
            continue  # an odd last view is a negative only
        alike = [math.exp(cosine(own, other) / 0.1) for k, other in enumerate(flat) if k != number]
        positive = math.exp(cosine(own, flat[item * views + partner]) / 0.1)
        lost.append(-math.log(positive / sum(alike)))
    loss = task.loss(InstanceContrastPrediction(vectors), task.targets(batch))["instance"]
    assert loss.item() == pytest.approx(np.mean(lost), rel=1e-4)


def test_contrast_tasks_need_a_pair():

    with pytest.raises(InputError, match="at least 2 for task 'instance_contrast'"):
        InstanceContrast(InstanceContrastConfig(), SPECS, ViewShape(SIZE, SPACING, 1, UNIT_MM))


def test_the_accuracy_counts_views_with_a_partner():
    task, batch = make_task("instance_contrast", views=3), make_views(batch=1, views=3)
    vectors = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [1.0, 0.01]]])  # view 0 is closest to view 2, view 1 to view 2
    targets = task.targets(batch)
    assert targets.partner.tolist() == [[1, 0, 2]]
    assert task.metrics(InstanceContrastPrediction(vectors), targets)["partner_accuracy"].item() == 0
    vectors = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    assert task.metrics(InstanceContrastPrediction(vectors), targets)["partner_accuracy"].item() == 1


def test_the_baselines_are_a_guess_and_raw_intensities():
    task, views = make_task("instance_contrast", views=2), make_views(batch=3, views=2)
    views.images[:, 1] = views.images[:, 0] * 0.5 + 0.1  # contrast and brightness do not matter to the cosine
    baselines = task.baselines(views, task.targets(views))
    assert baselines["trivial"]["partner_accuracy"].item() == pytest.approx(1 / 5)
    assert baselines["raw"]["partner_accuracy"].item() == 1
