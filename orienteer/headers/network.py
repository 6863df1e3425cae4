"""The network of the header reader: how sound coarse cubes look, and how wrong their voxel size is.

It gives one number for how sound a scan looks. Asked about the scan with each of the 48 orientations undone, a softmax over
its answers is the probability of each of them: what is learned of one orientation holds for all, which few scans teach well.
The voxel size is a regression with a scale of its own error (a Laplace distribution, as Kendall and Gal, *What Uncertainties
Do We Need in Bayesian Deep Learning for Computer Vision?*, NeurIPS 2017, with an absolute error).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.headers.each_undone import EachUndone

SMALLEST_SCALE = 0.02
"""The scale of the error of a log factor is at least this, 2 %, so that the loss has a lower bound."""

HIDDEN = 64
"""Numbers in the vector of a scan."""


@dataclass(frozen=True)
class HeaderPrediction:
    """What the network sees in scans, with each orientation undone.

    Attributes:
        logs: log-probability that this makes the scan sound.
        log_factors: log of stated over true voxel size along the axes of the body, if it does.
        scales: expected absolute error of each.
    """

    logs: Float[Tensor, "scans 48"]
    log_factors: Float[Tensor, "scans 48 3"]
    scales: Float[Tensor, "scans 48 3"]


class HeaderNetwork(nn.Module):
    """Tells from coarse cubes how a header may be wrong.

    Args:
        levels: cubes of a scan.
        edge_vox: their edge.
        width: numbers in the first layer.
        dropout: share of these that are left out in training.

    Example:
        >>> network = HeaderNetwork(levels=2, edge_vox=6).eval()
        >>> network.with_each_undone(torch.zeros(3, 2, 6, 6, 6)).logs.shape
        torch.Size([3, 48])
    """

    def __init__(self, levels: int, edge_vox: int, width: int = 128, dropout: float = 0.2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            EachUndone(levels, edge_vox, width),
            nn.LayerNorm(width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
        )
        self.soundness = nn.Linear(HIDDEN, 1)
        self.voxel_size = nn.Linear(HIDDEN, 6)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.soundness.weight.device

    def with_each_undone(self, cubes: Float[Tensor, "scans levels edge edge edge"]) -> HeaderPrediction:
        """Returns what is seen in scans with each of the 48 orientations undone."""
        vectors = self.body(cubes)
        numbers = self.voxel_size(vectors)
        return HeaderPrediction(
            logs=self.soundness(vectors).squeeze(-1).log_softmax(-1),
            log_factors=numbers[..., :3],
            scales=SMALLEST_SCALE + nn.functional.softplus(numbers[..., 3:] - 1),
        )
