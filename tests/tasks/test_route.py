import dataclasses
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from torch.nn.functional import smooth_l1_loss

from orienteer.errors import InputError
from orienteer.tasks.base import ViewShape
from orienteer.tasks.route import Route, RouteConfig, RoutePrediction
from tests.helpers.synthetic import SIZE, SPACING, SPECS, UNIT_MM, assert_same, make_features, make_task, make_views


def test_losses_and_metrics_equal_naive_loops():
    task, views = make_task("route"), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    edges, gaps = prediction.edges, targets.gaps_mm / UNIT_MM
    edge = [smooth_l1_loss(edges[:, i, j], gaps[:, i, j]) for i in range(3) for j in range(3) if i != j]
    sums = {route: sum(edges[:, i, j] for i, j in pairwise(route)) for route in permutations(range(3))}
    route = [smooth_l1_loss(total, gaps[:, r[0], r[-1]]) for r, total in sums.items()]
    losses, metrics = task.loss(prediction, targets), task.metrics(prediction, targets)
    torch.testing.assert_close(losses["edge"], torch.stack(edge).mean())
    torch.testing.assert_close(losses["route"], torch.stack(route).mean())
    missed = torch.stack([total - gaps[:, r[0], r[-1]] for r, total in sums.items()]).norm(dim=-1).mean() * UNIT_MM
    torch.testing.assert_close(metrics["route_error_mm"], missed.detach())
    around = torch.stack([total + edges[:, r[-1], r[0]] for r, total in sums.items()]).norm(dim=-1).mean() * UNIT_MM
    torch.testing.assert_close(metrics["closure_error_mm"], around.detach())


def test_position_edges_close_every_route_and_make_the_route_loss_the_edge_loss():
    """The authors' form: a re-weighting with no new information."""
    task, views = make_task("route", views=4, edges="position"), make_views(views=4)
    prediction, targets = task(make_features(views=4)), task.targets(views)
    losses = task.loss(prediction, targets)
    torch.testing.assert_close(losses["route"], losses["edge"])
    assert task.metrics(prediction, targets)["closure_error_mm"] < 1e-3


def test_counting_the_diagonal_in_gives_the_published_ratio():
    task, views = make_task("route", views=4, edges="position"), make_views(views=4)
    prediction, targets = task(make_features(views=4)), task.targets(views)
    published_edge = smooth_l1_loss(prediction.edges, targets.gaps_mm / UNIT_MM)  # V zeros among V * V
    torch.testing.assert_close(task.loss(prediction, targets)["route"] / published_edge, torch.tensor(4 / 3))


def test_pair_edges_leave_routes_something_to_learn():
    task, views = make_task("route", views=4), make_views(views=4)
    prediction, targets = task(make_features(views=4)), task.targets(views)
    losses = task.loss(prediction, targets)
    assert (losses["route"] - losses["edge"]).abs() > 1e-4
    assert task.metrics(prediction, targets)["closure_error_mm"] > 0.1


def test_a_pair_edge_is_a_network_on_both_views_together():
    """One linear layer on ``[z_i, z_j]``, computed as two halves."""
    task, features = make_task("route"), make_features()
    z = task.vector(features.levels[-1])
    weight = torch.cat([task.start.weight, task.end.weight], dim=1)
    joined = torch.nn.functional.linear(torch.cat([z[:, 0], z[:, 2]], dim=-1), weight, task.start.bias)
    expected = task.read_out(torch.nn.functional.gelu(joined))
    torch.testing.assert_close(task(features).edges[:, 0, 2], expected, atol=1e-5, rtol=1e-4)


def test_an_edge_to_oneself_is_zero():
    edges = make_task("route")(make_features()).edges
    assert edges.diagonal(dim1=1, dim2=2).abs().max() == 0
    assert edges[:, 0, 1].abs().max() > 0


@pytest.mark.parametrize(("views", "routes"), [(2, 2), (3, 6), (4, 24), (5, 24), (8, 24)])
def test_all_routes_of_few_views_and_a_sample_of_many(views, routes):
    targets = make_task("route", views=views).targets(make_views(views=views))
    assert targets.routes.shape == (routes, views)
    assert make_task("route", views=views, routes=7).targets(make_views(views=views)).routes.shape[0] == min(
        routes, 7 if views > 4 else routes
    )


def test_the_sample_depends_on_the_draw_alone():
    task = make_task("route", views=6)
    first, same, other = (make_views(views=6, seed=seed, draw=draw) for seed, draw in ((0, 3), (1, 3), (0, 4)))
    assert torch.equal(task.targets(first).routes, task.targets(same).routes)
    assert not torch.equal(task.targets(first).routes, task.targets(other).routes)
    assert_same(task.targets(first), task.targets(first))


def test_the_closure_error_needs_no_truth():
    task, views = make_task("route"), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    nowhere = dataclasses.replace(targets, gaps_mm=torch.zeros_like(targets.gaps_mm))
    with_truth, without = task.metrics(prediction, targets), task.metrics(prediction, nowhere)
    assert with_truth["closure_error_mm"] == without["closure_error_mm"] > 0
    assert with_truth["route_error_mm"] != without["route_error_mm"]


def test_the_trivial_baseline_is_off_by_the_length_of_the_gap():
    task, views = make_task("route"), make_views()
    targets = task.targets(views)
    figures = task.baselines(views, targets)["trivial"]
    i, j = np.nonzero(~np.eye(3, dtype=bool))
    length = targets.gaps_mm[:, i, j].norm(dim=-1).mean()
    torch.testing.assert_close(figures["route_error_mm"], length)
    torch.testing.assert_close(figures["edge_error_mm"], length)
    assert "closure_error_mm" not in figures


@pytest.mark.parametrize(("setting", "value"), [("edges", "pairs"), ("routes", 0)])
def test_settings_that_cannot_work_are_refused(setting, value):
    config = RouteConfig()
    object.__setattr__(config, setting, value)  # past the type check that runs in tests only
    shape = ViewShape(SIZE, SPACING, views=3, unit_mm=UNIT_MM)
    with pytest.raises(InputError, match=f"route.{setting}: wanted .*got {value!r}"):
        Route(config, SPECS, shape)


def test_the_picture_shows_the_route_of_the_loss():
    task, views = make_task("route"), make_views()
    targets = task.targets(views)
    truth = RoutePrediction(edges=targets.gaps_mm / UNIT_MM)
    right = task.picture(views, truth, targets).axes[0]
    assert any(text.get_text() == "missed by 0 mm" for text in right.texts)
    figure = task.picture(views, RoutePrediction(edges=torch.zeros_like(truth.edges)), targets)
    axes = figure.axes[0]
    order = targets.routes[0]
    length_mm = (views.centres_mm[0, order[-1]] - views.centres_mm[0, order[0]]).norm()
    assert any(text.get_text() == f"missed by {length_mm:.0f} mm" for text in axes.texts)
    places = views.centres_mm[0, order]
    across, up = [a for a in range(3) if a != int((places - places[0]).abs().sum(0).argmin())]
    wanted = next(line for line in axes.lines if line.get_linestyle() == ":")
    np.testing.assert_allclose([wanted.get_xdata()[0], wanted.get_ydata()[0]], places[-1, [across, up]], atol=1e-3)
