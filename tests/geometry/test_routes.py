import math
from collections import Counter
from itertools import pairwise

import pytest
import torch

from orienteer.geometry.pairs import gap_matrix
from orienteer.geometry.routes import all_routes, closed, route_gaps, route_sums, sample_routes


@pytest.mark.parametrize("views", [1, 2, 3, 4])
def test_all_routes_are_all_orders(views):
    routes = all_routes(views)
    assert routes.shape == (math.factorial(views), views)
    assert len({tuple(route) for route in routes.tolist()}) == math.factorial(views)
    assert (routes.sort(dim=1).values == torch.arange(views)).all()


def test_sampled_routes_depend_on_the_generator_alone():
    one, same, other = (sample_routes(6, 24, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert (one.sort(dim=1).values == torch.arange(6)).all()


def test_sampled_routes_are_even():
    drawn = sample_routes(3, 6000, torch.Generator().manual_seed(0))
    counts = Counter(tuple(route) for route in drawn.tolist())
    assert len(counts) == 6
    assert all(abs(count - 1000) < 150 for count in counts.values())


def test_sampling_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    sample_routes(6, 24, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())


def test_sums_match_a_naive_walk():
    edges = torch.randn(2, 5, 5, 3, generator=torch.Generator().manual_seed(0))
    routes = sample_routes(5, 10, torch.Generator().manual_seed(1))
    for stops in (routes, closed(routes)):
        sums = route_sums(edges, stops)
        for b in range(2):
            for row, route in enumerate(stops.tolist()):
                total = sum((edges[b, i, j] for i, j in pairwise(route)), start=torch.zeros(3))
                torch.testing.assert_close(sums[b, row], total)


@pytest.mark.parametrize("views", [2, 3, 4])
def test_along_true_gaps_a_route_sums_to_its_ends_and_a_closed_one_to_zero(views):
    gaps = gap_matrix(torch.randn(3, views, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 100)
    routes = all_routes(views)
    torch.testing.assert_close(route_sums(gaps, routes), route_gaps(gaps, routes))
    around = route_sums(gaps, closed(routes))
    torch.testing.assert_close(around, torch.zeros_like(around))


def test_a_closed_route_of_two_views_measures_antisymmetry():
    edges = torch.zeros(1, 2, 2, 3)
    edges[0, 0, 1], edges[0, 1, 0] = torch.tensor([5.0, 0.0, 0.0]), torch.tensor([-3.0, 0.0, 0.0])
    assert route_sums(edges, closed(all_routes(2)))[0].tolist() == [[2.0, 0.0, 0.0]] * 2
