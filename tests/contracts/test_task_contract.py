"""What every task promises, asked of each."""

import dataclasses
import re

import pytest
import torch

from orienteer.geometry.pairs import gap_matrix
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec, Task
from tests.helpers.synthetic import (
    FORMS,
    SPECS,
    TRUTH_SETTINGS,
    assert_same,
    assert_same_figures,
    axes_of,
    cast,
    make_features,
    make_task,
    make_views,
    renumbered,
    task_class,
    truth,
)

every_task = pytest.mark.parametrize("name", FORMS)
spatial_task = pytest.mark.parametrize("name", [name for name in FORMS if task_class(name).spatial])
task_with_truth = pytest.mark.parametrize("name", [name for name in FORMS if name != "graded similarity"])
"""Vectors whose cosines equal a Gaussian of the distance have no end: see tests/tasks/test_graded.py."""


def run(task: Task, features: Features, views) -> tuple:
    prediction, targets = task(features), task.targets(views)
    return prediction, targets, task.loss(prediction, targets)


def assert_shapes_as_declared(record) -> None:
    """Every axis name of a record's annotations stands for one length; numbers stand for themselves."""
    lengths: dict[str, int] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if not isinstance(value, torch.Tensor):
            continue
        names = axes_of(field)
        assert len(names) == value.ndim, field.name
        for axis, length in zip(names, value.shape, strict=True):
            wanted = int(axis) if axis.isdigit() else lengths.setdefault(axis, length)
            assert length == wanted, f"{field.name}: {axis} is {length}, not {wanted}"
    if lengths:
        assert lengths.get("batch", 2) == 2
        assert lengths.get("views", 3) == 3


@every_task
def test_the_name_is_the_key(name):
    assert task_class(name).name == make_task(name).name
    assert all(task.name == key for key, task in TASKS.items())


@every_task
def test_shapes_are_as_declared(name):
    prediction, targets, losses = run(make_task(name), make_features(), make_views())
    assert_shapes_as_declared(prediction)
    assert_shapes_as_declared(targets)
    assert losses
    assert all(loss.shape == () and loss.isfinite() and loss.requires_grad for loss in losses.values())


@every_task
@pytest.mark.parametrize("views", [2, 3, 6])
def test_any_number_of_views_from_two(name, views):
    task = make_task(name, views=views)
    prediction, targets, losses = run(task, make_features(views=views), make_views(views=views))
    assert all(loss.isfinite() for loss in losses.values())
    assert all(figure.isfinite() for figure in task.metrics(prediction, targets).values())


@every_task
def test_a_level_of_one_cell_works(name):
    specs = (*SPECS, FeatureSpec(8, (16, 32, 24)))
    task = make_task(name, specs=specs)
    _, _, losses = run(task, make_features(specs=specs), make_views())
    assert all(loss.isfinite() for loss in losses.values())


@task_with_truth
@pytest.mark.parametrize("seed", range(5))
def test_the_truth_reaches_the_declared_minimum(name, seed):
    task, views = make_task(name, views=2, **TRUTH_SETTINGS.get(name, {})), make_views(views=2, seed=seed)
    losses = task.loss(truth(task, views), task.targets(views))
    assert losses.keys() <= task.minimum.keys()
    for key, loss in losses.items():
        assert loss.item() == pytest.approx(task.minimum[key], abs=1e-5), key


@every_task
@pytest.mark.parametrize("seed", range(3))
def test_nothing_goes_below_the_declared_minimum(name, seed):
    task = make_task(name, seed=seed)
    _, _, losses = run(task, make_features(seed=seed), make_views(seed=seed))
    assert all(loss >= task.minimum[key] for key, loss in losses.items())


@task_with_truth
def test_the_truth_has_the_best_metrics(name):
    task, views = make_task(name, views=2, **TRUTH_SETTINGS.get(name, {})), make_views(views=2)
    figures = task.metrics(truth(task, views), task.targets(views))
    for key, figure in figures.items():
        if key == "cosine_rank":
            continue  # best in the graded form, whose truth is not built here
        assert figure.item() == pytest.approx(1.0 if key.endswith("_accuracy") else 0.0, abs=1e-3), key


@every_task
def test_every_metric_carries_its_unit_and_no_gradient(name):
    task = make_task(name)
    prediction, targets, _ = run(task, make_features(), make_views())
    for key, figure in task.metrics(prediction, targets).items():
        assert re.search(r"_(mm|accuracy|share|rank)$", key), key
        assert figure.shape == ()
        assert not figure.requires_grad


@spatial_task
@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1)])
def test_renumbering_the_views_renumbers_everything_and_costs_nothing(name, order):
    order = torch.tensor(order)
    task, views, features = make_task(name), make_views(), make_features()
    prediction, targets, losses = run(task, features, views)
    moved = Features(levels=tuple(level[:, order] for level in features.levels))
    new_prediction, new_targets, new_losses = run(task, moved, views.renumbered(order))
    assert_same(new_targets, renumbered(targets, order))
    assert_same(new_prediction, renumbered(prediction, order), atol=1e-5, rtol=1e-4)
    assert_same_figures(new_losses, losses, atol=1e-5, rtol=1e-4)
    assert_same_figures(task.metrics(new_prediction, new_targets), task.metrics(prediction, targets))


@spatial_task
def test_moving_all_centres_together_changes_nothing(name):
    task, views, features = make_task(name), make_views(), make_features()
    _, targets, losses = run(task, features, views)
    _, new_targets, new_losses = run(task, features, views.shifted(torch.tensor([300.0, -40.0, 1024.0])))
    assert_same(new_targets, targets, atol=1e-3, rtol=1e-4)
    assert_same_figures(new_losses, losses, atol=1e-4, rtol=1e-4)


@spatial_task
def test_moving_one_centre_changes_the_targets(name):
    """Otherwise the law above would hold for a task that ignores the places."""
    task, views = make_task(name), make_views()
    centres = views.centres_mm.clone()
    centres[:, 0] += torch.tensor([60.0, -20.0, 90.0])
    with pytest.raises(AssertionError):
        assert_same(task.targets(dataclasses.replace(views, centres_mm=centres)), task.targets(views))


@every_task
def test_the_gradient_reaches_the_features_of_every_view_and_every_weight(name):
    task, features = make_task(name, views=4), make_features(views=4, grad=True)
    _, _, losses = run(task, features, make_views(views=4))
    sum(losses.values()).backward()
    reached = [level.grad for level in features.levels if level.grad is not None]
    assert reached
    for gradient in reached:
        assert gradient.isfinite().all()
        assert (gradient.flatten(2).abs().amax(dim=-1) > 0).all()
    for weight_name, weight in task.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.isfinite().all(), weight_name
        assert weight.grad.abs().sum() > 0, weight_name


@every_task
def test_losses_of_coinciding_views_are_finite_with_finite_gradients(name):
    task, views, features = make_task(name), make_views(), make_features(grad=True)
    _, targets, losses = run(task, features, dataclasses.replace(views, centres_mm=torch.zeros(2, 3, 3)))
    sum(losses.values()).backward()
    assert all(level.grad.isfinite().all() for level in features.levels if level.grad is not None)
    assert all(figure.isfinite() for figure in task.metrics(task(features), targets).values())


@every_task
@pytest.mark.parametrize("way", ["autocast", "cast"])
def test_bfloat16_gives_nearly_the_same_losses_and_full_precision_targets(name, way):
    task, views, features = make_task(name), make_views(), make_features()
    _, targets, losses = run(task, features, views)
    if way == "autocast":
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _, half_targets, half_losses = run(task, features, views)
    else:
        _, half_targets, half_losses = run(task.to(torch.bfloat16), cast(features, torch.bfloat16), views)
    assert_same(half_targets, targets, atol=0, rtol=0)
    assert all(loss.dtype == torch.float32 for loss in half_losses.values())
    assert_same_figures(half_losses, losses, atol=0.03, rtol=0.03)
    sum(half_losses.values()).backward()
    assert all(weight.grad.isfinite().all() for weight in task.parameters())


@every_task
@pytest.mark.parametrize("views", [3, 6])
def test_state_follows_the_task_to_another_device(name, views):
    """On the device ``meta`` any constant left behind on the CPU stops the computation."""
    task = make_task(name, views=views)
    task.fit_baselines([make_views(views=views)])
    task = task.to("meta")
    features = Features(levels=tuple(level.to("meta") for level in make_features(views=views).levels))
    batch = make_views(views=views).to("meta")
    prediction, targets, losses = run(task, features, batch)
    values = [*losses.values(), *task.metrics(prediction, targets).values()]
    values += [metric for metrics in task.baselines(batch, targets).values() for metric in metrics.values()]
    assert all(value.device.type == "meta" for value in values)


@every_task
def test_fitted_baselines_are_part_of_the_state(name):
    task, views = make_task(name), make_views(seed=5)
    task.fit_baselines([make_views(seed=1), make_views(seed=2)])
    fresh = make_task(name, seed=9)
    fresh.load_state_dict(task.state_dict())
    targets = task.targets(views)
    assert fresh.baselines(views, targets).keys() == task.baselines(views, targets).keys()
    for baseline, metrics in task.baselines(views, targets).items():
        assert_same_figures(fresh.baselines(views, targets)[baseline], metrics)


@every_task
def test_every_task_has_a_trivial_baseline_with_the_same_metrics(name):
    task, views = make_task(name), make_views()
    task.fit_baselines([make_views(seed=1), make_views(seed=2)])
    prediction, targets, _ = run(task, make_features(), views)
    metrics, baselines = task.metrics(prediction, targets), task.baselines(views, targets)
    assert baselines["trivial"]
    for values in baselines.values():
        assert values.keys() <= metrics.keys()
        assert all(value.isfinite() and not value.requires_grad for value in values.values())


@every_task
def test_the_config_is_frozen_and_refuses_unknown_settings(name):
    config = make_task(name).config
    field = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        setattr(config, field, 1)
    with pytest.raises(TypeError, match="unexpected keyword"):
        type(config)(no_such_setting=1)


@every_task
def test_heads_are_small_beside_any_encoder(name):
    task = make_task(name, specs=tuple(FeatureSpec(256, (stride,) * 3) for stride in (2, 4, 8)))
    assert sum(weight.numel() for weight in task.parameters()) < 150_000


@every_task
def test_losses_depend_on_nothing_but_their_arguments(name):
    task, views, features = make_task(name, views=6), make_views(views=6), make_features(views=6)
    before = torch.get_rng_state()
    once, again = run(task, features, views)[2], run(task, features, views)[2]
    assert_same_figures(again, once, atol=0, rtol=0)
    assert torch.equal(before, torch.get_rng_state())


@every_task
def test_a_picture_can_be_saved(name, tmp_path):
    task, views = make_task(name), make_views()
    task.fit_baselines([make_views(seed=1)])
    prediction, targets, _ = run(task, make_features(grad=True), views)
    task.picture(views, prediction, targets).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


GAP_TASKS = ("gap", "route", "dense_gap")
"""The tasks that predict gaps between views."""


@every_task
def test_a_task_that_predicts_gaps_gives_them_with_their_scale(name):
    task, views = make_task(name), make_views()
    gaps = task.predicted_gaps(task(make_features()))
    assert (gaps is not None) == (task.name in GAP_TASKS)
    if gaps is None:
        return
    assert gaps.gaps.shape == (2, 3, 3, 3)
    assert (gaps.scales is not None) == ("scale" in name)
    if gaps.scales is not None:
        assert gaps.scales.shape == gaps.gaps.shape
        assert (gaps.scales > 0).all()
        torch.testing.assert_close(gaps.scales, gaps.scales.transpose(1, 2))
    true = task.predicted_gaps(truth(task, views)).gaps * task.shape.unit_mm
    torch.testing.assert_close(true, gap_matrix(views.centres_mm), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in FORMS if "scale" in name])
def test_the_scale_takes_nothing_from_the_location(name):
    """Without the option, location and gradients are the same: the scale is fitted to errors, it does not steer them."""
    with_scale, features, views = make_task(name), make_features(grad=True), make_views()
    plain = make_task(name, scale=False)
    plain.load_state_dict(with_scale.state_dict(), strict=False)
    gradients = []
    for task in (with_scale, plain):
        _, _, losses = run(task, features, views)
        sum(losses.values()).backward()
        gradients.append([level.grad.clone() for level in features.levels if level.grad is not None])
        for level in features.levels:
            level.grad = None
    for ours, plainly in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plainly, atol=0, rtol=0)
    assert {key for key, _ in with_scale.named_parameters()} > {key for key, _ in plain.named_parameters()}
