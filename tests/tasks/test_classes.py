"""Classification of what was done to a view: classes, cross-entropy, accuracy and chance."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from orienteer.tasks.classes import ClassPrediction, ClassTargets, class_of_change, cross_entropy
from orienteer.views.rearrange import ORDERS, UNTOUCHED, fitting_turns
from tests.helpers.synthetic import SIZE, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["rotation", "jigsaw"])
def test_the_loss_is_cross_entropy_over_the_examples(name):
    task, views = make_task(name), make_views()
    truth = task.targets(views).classes.clone()
    truth[0, 1] = UNTOUCHED
    scores = rand(2, 3, len(task.changes))
    losses = []
    for item, view in np.ndindex(2, 3):
        if truth[item, view] != UNTOUCHED:
            exps = [math.exp(value) for value in scores[item, view].tolist()]
            losses.append(-math.log(exps[int(truth[item, view])] / sum(exps)))
    loss = task.loss(ClassPrediction(scores), ClassTargets(truth))[name]
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_classes_are_indices_among_the_known_changes():
    views = make_views()
    turns = fitting_turns(SIZE)
    classes = class_of_change(views, "turn", turns)
    assert [turns[number] for number in classes.flatten().tolist()] == views.distorted.turn.flatten().tolist()
    some_known = class_of_change(views, "turn", turns[:1])
    assert torch.equal(some_known == 0, views.distorted.turn == turns[0])
    assert (some_known[views.distorted.turn != turns[0]] == UNTOUCHED).all()


def test_without_distortions_there_are_no_examples():
    plain = dataclasses.replace(make_views(), distorted=None)
    assert (class_of_change(plain, "order", range(ORDERS)) == UNTOUCHED).all()


@pytest.mark.parametrize("name", ["rotation", "jigsaw"])
def test_without_examples_the_loss_is_zero_and_nobody_is_wrong(name):
    task, views = make_task(name), make_views()
    targets = ClassTargets(torch.full((2, 3), UNTOUCHED))
    scores = rand(2, 3, len(task.changes)).requires_grad_()
    loss = cross_entropy(scores, targets.classes)
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.abs().max() == 0
    assert task.metrics(ClassPrediction(scores), targets)[task.metric].item() == 1
    assert task.baselines(views, targets)["trivial"][task.metric].item() == 1


@pytest.mark.parametrize("name", ["rotation", "jigsaw"])
def test_the_picture_names_the_true_and_the_predicted_class(name):
    task, views = make_task(name), make_views()
    targets = task.targets(views)
    right = torch.nn.functional.one_hot(targets.classes, len(task.changes)).float()
    titles = [axes.get_title(loc="left") for axes in task.picture(views, ClassPrediction(right), targets).axes]
    for view in range(3):
        word = task.class_name(task.changes[int(targets.classes[0, view])])
        assert f"view {view + 1}\ntrue: {word}\npredicted: {word}" in titles
