"""Routes through all views of a set, and sums of edges along them."""

from itertools import permutations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from orienteer.tensors import RouteIndex

Edges = Float[Tensor, "batch views views 3"]


def all_routes(views: int) -> RouteIndex:
    """Returns every ordered route that passes through each of ``views`` views once: V! rows of V view numbers.

    Example:
        >>> all_routes(3).tolist()
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    """
    return torch.tensor(list(permutations(range(views))))


def sample_routes(views: int, count: int, generator: torch.Generator) -> RouteIndex:
    """Returns ``count`` random ordered routes, each through all views once.

    Routes are drawn independently, every order equally likely; two rows may be equal.

    Args:
        views: number of views in a set.
        count: number of routes.
        generator: on the CPU, so that every device uses the same routes.

    Example:
        >>> routes = sample_routes(6, 24, torch.Generator().manual_seed(0))
        >>> routes.shape, bool((routes.sort(dim=1).values == torch.arange(6)).all())
        (torch.Size([24, 6]), True)
    """
    return torch.rand(count, views, generator=generator, dtype=torch.float64).argsort(dim=1)


def closed(routes: RouteIndex) -> Int[Tensor, "routes steps+1"]:
    """Returns the routes closed by a last step back to their first view.

    Example:
        >>> closed(torch.tensor([[2, 0, 1]])).tolist()
        [[2, 0, 1, 2]]
    """
    return torch.cat([routes, routes[:, :1]], dim=1)


def route_sums(edges: Edges, routes: RouteIndex) -> Float[Tensor, "batch routes 3"]:
    """Returns the vector sum of the edges along each route, in the unit of the edges.

    Args:
        edges: ``edges[b, i, j]`` leads from view i to view j.
        routes: rows of view numbers, open or closed.

    Example:
        >>> edges = torch.zeros(1, 3, 3, 3)
        >>> edges[0, 0, 1], edges[0, 1, 2] = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
        >>> route_sums(edges, torch.tensor([[0, 1, 2]])).tolist()
        [[[1.0, 2.0, 0.0]]]
    """
    return edges[:, routes[:, :-1], routes[:, 1:]].sum(dim=2)  # batch routes steps-1 3 -> batch routes 3


def route_gaps(gaps: Edges, routes: RouteIndex) -> Float[Tensor, "batch routes 3"]:
    """Returns the true sum of each route: the gap from its first view to its last.

    Example:
        >>> gaps = torch.arange(27.0).reshape(1, 3, 3, 3)
        >>> bool((route_gaps(gaps, torch.tensor([[0, 1, 2]]))[:, 0] == gaps[:, 0, 2]).all())
        True
    """
    return gaps[:, routes[:, 0], routes[:, -1]]
