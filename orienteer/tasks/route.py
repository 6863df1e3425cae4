"""The route task: edges from view to view that add up along any route through all of them.

The connectivity task of Zhang, Chen and Zhang, arXiv 2509.05967 (2025). Departures from the authors' code: edges and
truth are in mm of the body frame divided by one length; and edges come from pairs of views by default. In the authors'
code an edge is a difference of per-view positions. Then every sum along a route telescopes to its ends, the mean over
all routes is the mean over all edges again (V/(V-1) times it where the zero diagonal is counted in), and a closed route
is zero whatever the input. With edges from pairs, sums along routes, antisymmetry and closed routes must all be learned,
and the remainder of the sum around a closed route measures, without ground truth, how consistent the predictions for a
scan are. Closed routes are therefore not part of the loss: a model could be trained to close its routes without any
knowledge of positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from orienteer.draw.arrows import draw_miss, draw_route
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.draw.slices import PLANES
from orienteer.geometry.pairs import distances, gap_matrix, pair_index
from orienteer.geometry.routes import all_routes, closed, route_gaps, route_sums, sample_routes
from orienteer.settings import require
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, PredictedGaps, Task, ViewShape
from orienteer.tasks.heads import VectorConfig, ViewVector, linear_float32, position_read_out
from orienteer.tasks.misses import component_miss
from orienteer.tasks.scales import LEAST_SCALE, ScaleHead, laplace_loss, pair_scales
from orienteer.tensors import GapsMm, RouteIndex
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL_ROUTES_UP_TO = 4
"""Sets of up to this many views use all V! routes; five views would already have 120."""


@dataclass(frozen=True)
class RouteConfig(VectorConfig):
    """Settings of the route task."""

    edges: Literal["pair", "position"] = "pair"
    """``pair``: each edge from a small network on both views. ``position``: differences of per-view positions, the
    authors' form, in which routes add no information."""

    routes: int = 24
    """Routes drawn in each step for sets of more than four views; smaller sets use all of them."""

    scale: bool = False
    """Predict the scale of the error of each edge along each axis too: the error bar of a prediction."""

    miss: Literal["smooth", "length"] = "smooth"
    """``smooth``: SmoothL1 of the components, a square up to ``unit_mm``. ``length``: mean lengths of the errors, whose
    gradient does not fade."""


@dataclass(frozen=True)
class RouteTargets:
    """The true gaps, and the routes.

    Attributes:
        gaps_mm: ``(batch, views, views, 3)``, from view i to view j, mm.
        routes: ``(routes, views)``, the order of the views along each route; the same for all sets.
    """

    gaps_mm: GapsMm
    routes: RouteIndex


@dataclass(frozen=True)
class RoutePrediction:
    """The predicted edges.

    Attributes:
        edges: ``(batch, views, views, 3)``, from view i to view j, in units of ``unit_mm``, float32; zero where i is j.
        scales: scale of their errors along each axis, in the same units; None without the option ``scale``.
    """

    edges: Float[Tensor, "batch views views 3"]
    scales: Float[Tensor, "batch views views 3"] | None = None


class Route(Task[RouteTargets, RoutePrediction]):
    """Predicts an edge for every ordered pair of views.

    Losses (each 0 for a perfect prediction): ``edge``, the SmoothL1 of all edges between different views, and
    ``route``, the SmoothL1 of the sums along routes against the gap from first to last view, in units of ``unit_mm``. With
    the option ``scale`` also ``edge_scale``, the negative log likelihood of the edges' errors (see `orienteer.tasks.scales`).

    Example:
        >>> shape = ViewShape(size_vox=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0), views=3, unit_mm=100.0)
        >>> task = Route(RouteConfig(), [FeatureSpec(channels=64, stride=(8, 8, 8))], shape)
        >>> edges = task(Features(levels=(torch.randn(2, 3, 64, 4, 4, 4),))).edges
        >>> edges.shape, edges.diagonal(dim1=1, dim2=2).abs().max().item()
        (torch.Size([2, 3, 3, 3]), 0.0)
    """

    name = "route"
    pairs = True
    Config = RouteConfig
    minimum: ClassVar[Mapping[str, float]] = {"edge": 0.0, "route": 0.0, "edge_scale": 0.0}

    def __init__(self, config: RouteConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        _check(config)
        width = config.channels
        self.vector = ViewVector(self.specs[-1], width)
        self.read_out = position_read_out(width)
        if config.edges == "pair":
            # One linear layer on [z_i, z_j] is the sum of one on z_i and one on z_j, each computed once per view.
            self.start, self.end = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        if config.scale:
            self.scale = ScaleHead(width)

    def targets(self, views: ViewBatch) -> RouteTargets:
        """Returns the gaps between the centres of the views, mm, and the routes of this draw."""
        return RouteTargets(gaps_mm=gap_matrix(views.centres_mm.float()), routes=self._routes(views))

    def forward(self, features: Features) -> RoutePrediction:
        """Returns the predicted edges between all views of each set."""
        z = self.vector(features.levels[-1])
        if self.config.edges == "position":
            scales = pair_scales(self.scale(z)) if self.config.scale else None
            return RoutePrediction(edges=gap_matrix(linear_float32(z, self.read_out)), scales=scales)
        both = nn.functional.gelu(self.start(z)[:, :, None] + self.end(z)[:, None, :])  # batch views views width
        apart = ~torch.eye(z.shape[1], dtype=torch.bool, device=z.device)
        scales = _both_ways(self.scale(both)) if self.config.scale else None
        return RoutePrediction(edges=linear_float32(both, self.read_out) * apart[..., None], scales=scales)

    def loss(self, prediction: RoutePrediction, targets: RouteTargets) -> dict[str, Tensor]:
        """Returns ``edge`` and ``route`` in units of ``unit_mm``, and ``edge_scale`` if it is predicted."""
        truth = targets.gaps_mm / self.shape.unit_mm
        i, j = _ordered_pairs(truth)
        sums, ends = route_sums(prediction.edges, targets.routes), route_gaps(truth, targets.routes)
        losses = {
            "edge": self._miss(prediction.edges[:, i, j], truth[:, i, j]),
            "route": self._miss(sums, ends),
        }
        if prediction.scales is not None:
            errors = prediction.edges[:, i, j] - truth[:, i, j]
            losses["edge_scale"] = laplace_loss(errors, prediction.scales[:, i, j], LEAST_SCALE)
        return losses

    def predicted_gaps(self, prediction: RoutePrediction) -> PredictedGaps:
        """Returns the predicted edges, with their scales if these are predicted."""
        return PredictedGaps(prediction.edges, prediction.scales)

    def metrics(self, prediction: RoutePrediction, targets: RouteTargets) -> dict[str, Tensor]:
        """Returns mean lengths of error vectors in mm.

        ``route_error_mm``: errors of the end points of routes. ``edge_error_mm``: edges between different views.
        ``closure_error_mm``: the sums around closed routes, which need no ground truth; always zero with ``edges: position``.
        """
        edges_mm = prediction.edges.detach() * self.shape.unit_mm
        around_mm = route_sums(edges_mm, closed(targets.routes))
        return {**_errors_mm(edges_mm, targets), "closure_error_mm": distances(around_mm).mean()}

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: RouteTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the errors of edges that are all zero.

        There is no baseline for ``closure_error_mm``: it measures consistency, and zero edges are perfectly consistent.
        """
        return {"trivial": _errors_mm(torch.zeros_like(targets.gaps_mm), targets)}

    def picture(self, views: ViewBatch, prediction: RoutePrediction, targets: RouteTargets) -> "Figure":
        """Returns the first route of the first view set, true and predicted from the same start, among its views."""
        order = targets.routes[0].cpu().numpy()
        start_mm = scene.centres_mm(views)[order[0]]
        stops_mm = start_mm + targets.gaps_mm[0].cpu().numpy()[order[0], order]
        edges_mm = (prediction.edges[0].detach() * self.shape.unit_mm).cpu().numpy()
        steps_mm = edges_mm[order[:-1], order[1:]]
        reached_mm = np.concatenate([start_mm[None], start_mm + steps_mm.cumsum(axis=0)])
        closure_mm = float(np.linalg.norm(steps_mm.sum(axis=0) + edges_mm[order[-1], order[0]]))
        figure = new_figure(700, 700)
        axes, axis = figure.subplots(), scene.flattest_axis(stops_mm - start_mm)
        scene.show_views(axes, views, range(views.views), axis)
        draw_route(axes, axis, stops_mm, TRUE, label="true")
        draw_route(axes, axis, reached_mm, PREDICTED, label="predicted", dashed=True)
        draw_miss(axes, axis, stops_mm[-1], reached_mm[-1])
        names = " to ".join(str(view + 1) for view in order)
        title = f"{PLANES[axis]}, views {names}; closure error {closure_mm:.0f} mm"
        axes.set_title(title, loc="left", fontsize=9)
        axes.legend(loc="upper left", fontsize=8)
        return figure

    def _miss(self, predicted: Float[Tensor, "*items 3"], truth: Float[Tensor, "*items 3"]) -> Float[Tensor, ""]:
        if self.config.miss == "smooth":
            return smooth_l1_loss(predicted, truth)
        return component_miss(predicted - truth, self.config.miss)

    def _routes(self, views: ViewBatch) -> RouteIndex:
        if views.views <= ALL_ROUTES_UP_TO:
            routes = all_routes(views.views)
        else:
            routes = sample_routes(views.views, self.config.routes, torch.Generator().manual_seed(views.draw))
        return routes.to(views.centres_mm.device, non_blocking=True)


def _check(config: RouteConfig) -> None:
    wanted = "'pair' or 'position'"
    require(config.edges in ("pair", "position"), "route.edges", wanted, repr(config.edges), "use 'pair'")
    require(config.routes >= 1, "route.routes", "at least 1", config.routes, "use 24")


def _ordered_pairs(gaps: Float[Tensor, "batch views views 3"]) -> tuple[Tensor, Tensor]:
    i, j = pair_index(gaps.shape[1], gaps.device)
    return torch.cat([i, j]), torch.cat([j, i])


def _both_ways(scales: Float[Tensor, "batch views views 3"]) -> Float[Tensor, "batch views views 3"]:
    """Returns one scale for each two views: the mean square of that from i to j and that from j to i."""
    return (scales.square() + scales.square().transpose(1, 2)).sqrt()


def _errors_mm(edges_mm: GapsMm, targets: RouteTargets) -> dict[str, Tensor]:
    i, j = _ordered_pairs(edges_mm)
    errors_mm = route_sums(edges_mm, targets.routes) - route_gaps(targets.gaps_mm, targets.routes)
    return {
        "route_error_mm": distances(errors_mm).mean(),
        "edge_error_mm": distances(edges_mm[:, i, j] - targets.gaps_mm[:, i, j]).mean(),
    }
