"""The baseline of the step benchmark: the three tasks in the naive form, one pair and one part at a time.

Known of the published heads: what each computes (gap: strided convolutions, global average pooling, a linear layer;
similarity: four parts of each pair, cut out and encoded by a small network of their own; route: one position per view,
edges as differences, all V! routes); Python loops over scans, views, pairs and parts; about 11 million parameters; and
their cost alone, as measured: 3.7 times the forward and backward pass of a SegResNet with 8 initial
filters at 3 views of 32 voxels, 9.8 times at 5 views.

Assumed here: the widths (three networks of four strided convolutions, chosen to meet the number of parameters), that
the heads read the finest level, and that the networks run anew for each pair. On one thread this costs 4.1 times the
same SegResNet at 3 views and 8.1 times at 5, so the assumptions are close. The code is our own, written from
the formulas (arXiv 2509.05967), and without the published code's faults: boxes on the feature grid, gaps from i to j.
"""

from itertools import combinations, islice, pairwise, permutations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 384)
UNIT_MM = 100.0
MAX_ROUTES = 120
"""All routes of 5 views. Of more views the first 120 are taken, which favours the baseline: 8 views have 40,320."""


class NaiveHeads(nn.Module):
    """Heads of the three tasks as loops.

    Args:
        channels: channels of the feature maps.
        views: number of views in a set, V.

    Example:
        >>> heads = NaiveHeads(channels=8, views=3)
        >>> round(sum(parameter.numel() for parameter in heads.parameters()) / 1e6, 1)
        11.3
        >>> heads.step_loss(torch.zeros(1, 3, 8, 8, 8, 8), torch.eye(3)[None] * 50).shape
        torch.Size([])
    """

    def __init__(self, channels: int, views: int) -> None:
        super().__init__()
        self.gap_network, self.part_network, self.route_network = (_network(channels) for _ in range(3))
        self.gap = nn.Linear(WIDTHS[-1], 3, bias=False)
        self.position = nn.Linear(WIDTHS[-1], 3)
        self.pairs = list(combinations(range(views), 2))
        self.routes = list(islice(permutations(range(views)), MAX_ROUTES))

    def step_loss(self, feature_map: Tensor, centres_mm: Tensor) -> Tensor:
        """Returns the sum of the three tasks' losses, the mean over the scans.

        Args:
            feature_map: ``(batch, views, channels, d, h, w)``, cells of the same length on all axes.
            centres_mm: centres of the views in mm, ``(batch, views, 3)``.
        """
        total = feature_map.new_zeros(())
        for maps, centres in zip(feature_map, centres_mm / UNIT_MM, strict=True):
            total = total + self._gap_loss(maps, centres)
            total = total + self._similarity_loss(maps, centres)
            total = total + self._route_loss(maps, centres)
        return total / len(feature_map)

    def _gap_loss(self, maps: Tensor, centres: Tensor) -> Tensor:
        losses = []
        for i, j in self.pairs:
            predicted = self.gap(self.gap_network(maps[j : j + 1]) - self.gap_network(maps[i : i + 1]))[0]
            truth = centres[j] - centres[i]
            losses.append(functional.mse_loss(predicted, truth))
            losses.append(functional.mse_loss(predicted.norm(), truth.norm()))
        return torch.stack(losses).mean()

    def _similarity_loss(self, maps: Tensor, centres: Tensor) -> Tensor:
        losses = []
        for i, j in self.pairs:
            line = centres[j] - centres[i]
            near_i, far_i = self._encode_part(maps[i], line), self._encode_part(maps[i], -line)
            near_j, far_j = self._encode_part(maps[j], -line), self._encode_part(maps[j], line)
            losses.append(functional.cosine_similarity(far_i, far_j) - functional.cosine_similarity(near_i, near_j))
        return torch.cat(losses).mean()

    def _encode_part(self, feature_map: Tensor, line: Tensor) -> Tensor:
        """Returns the vector of the half-sized part that lies as far along ``line`` as it fits."""
        size = torch.tensor(feature_map.shape[-3:])
        free = (size - size // 2) / 2
        walk = float((free / line.cpu().abs().clamp_min(1e-6)).min())
        start = (free + walk * line.cpu()).round().long().clamp(min=0).minimum(size - size // 2)
        (a, b, c), (da, db, dc) = start.tolist(), (size // 2).tolist()
        return self.part_network(feature_map[None, :, a : a + da, b : b + db, c : c + dc])

    def _route_loss(self, maps: Tensor, centres: Tensor) -> Tensor:
        edges, edge_losses = {}, []
        for i, j in self.pairs:
            first = self.position(self.route_network(maps[i : i + 1]))[0]
            second = self.position(self.route_network(maps[j : j + 1]))[0]
            edges[i, j], edges[j, i] = second - first, first - second
            edge_losses.append(functional.smooth_l1_loss(edges[i, j], centres[j] - centres[i]))
        route_losses = []
        for route in self.routes:
            end = maps.new_zeros(3)
            for i, j in pairwise(route):
                end = end + edges[i, j]
            route_losses.append(functional.smooth_l1_loss(end, centres[route[-1]] - centres[route[0]]))
        return torch.stack(edge_losses).mean() + torch.stack(route_losses).mean()


def _network(channels: int) -> nn.Sequential:
    """Returns four strided convolutions and a global average: a map of one view or part becomes one vector."""
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *WIDTHS)):
        layers += [nn.Conv3d(before, after, kernel_size=3, stride=2, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
