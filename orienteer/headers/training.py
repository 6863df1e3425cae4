"""Trains the network of the header reader on scans that are taken to be sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from orienteer.headers.cubes import CoarseScan, CubePolicy, cut_cubes
from orienteer.headers.network import HeaderNetwork

LARGEST_LOG_FACTOR = 0.9
"""The log of the largest error of the voxel size in training: a factor of 2.5."""

BODY_SIZES, BODY_SHAPES = 0.07, 0.1
"""Training scans are stretched along each axis by factors whose log has these standard deviations, the first one for the
whole axis, the second one differently from place to place: few scans must not be learned by heart."""

KNOTS = 7
"""Places along an axis at which a stretch is drawn."""

MOST_CUT, CUT_SHARE = 0.25, 0.4
"""Scans are cut short by up to this share at an end, at so many of the ends: how far a scan reaches says little."""

POOL = 256
"""Cubes that are cut at a time; each is used several times, with other intensities."""

REUSED = 4
"""How often."""

SMOOTHING = 0.1
"""Share of the probability that the target spreads over all orientations (label smoothing: Szegedy et al., *Rethinking the
Inception Architecture*, CVPR 2016). Without it a long training makes a reader sure of itself, and one odd scan that it is
sure to be faulty raises the limits for all."""

_HEADERS = 7
"""Keeps the random numbers of header readers apart from others of the same seed."""


@dataclass(frozen=True)
class HeaderTraining:
    """Length of the training of a header reader."""

    steps: int = 1000
    batch: int = 10
    learning_rate: float = 2e-3
    weight_decay: float = 0.1


def train_header_network(
    scans: Sequence[CoarseScan],
    policy: CubePolicy,
    length: HeaderTraining,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> HeaderNetwork:
    """Returns a trained network, in eval mode.

    Args:
        scans: their headers are taken to be sound.
        policy: how they are seen.
        length: of the length.
        seed: decides everything.
        advance: is called after each step.
    """
    rng, generator = np.random.default_rng([seed, _HEADERS]), torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = HeaderNetwork(policy.levels, policy.edge_vox).train()
        optimiser = torch.optim.AdamW(
            network.parameters(), length.learning_rate, weight_decay=length.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, length.learning_rate, total_steps=length.steps, pct_start=0.1
        )
        per_pool = max(1, POOL * REUSED // length.batch)
        for step in range(length.steps):
            if step % per_pool == 0:
                cubes, factors = draw_pool(rng, scans, policy, min(POOL, length.steps * length.batch))
            chosen = torch.randint(len(cubes), (length.batch,), generator=generator)
            images = with_other_intensities(cubes[chosen], generator)
            loss = header_loss(network, images, factors[chosen])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            advance()
    return network.eval().requires_grad_(False)


def header_loss(
    network: HeaderNetwork,
    cubes: Float[Tensor, "scans levels edge edge edge"],
    log_factor: Float[Tensor, "scans 3"],
) -> Float[Tensor, ""]:
    """Returns the negative log-likelihood of the right orientation, smoothed, and voxel size, mean over scans."""
    prediction = network.with_each_undone(cubes)
    scale = prediction.scales[:, 0]
    errors = (prediction.log_factors[:, 0] - log_factor).abs() / scale
    logs = (1 - SMOOTHING) * prediction.logs[:, 0] + SMOOTHING * prediction.logs.mean(1)
    return (errors + scale.log()).mean() - logs.mean()


def draw_pool(
    rng: np.random.Generator, scans: Sequence[CoarseScan], policy: CubePolicy, count: int
) -> tuple[Float[Tensor, "count levels edge edge edge"], Float[Tensor, "count 3"]]:
    """Returns cubes of scans, cut short, stretched and of a wrong voxel size, and the log of its factors."""
    cubes, logs = [], np.stack([_draw_log_factors(rng) for _ in range(count)])
    for factors in np.exp(logs):
        scan = _cut_short(rng, scans[int(rng.integers(len(scans)))])
        cubes.append(cut_cubes(scan, policy, factors, draw_centre_mm(rng, scan), _draw_stretch(rng)))
    return torch.from_numpy(np.stack(cubes)), torch.from_numpy(logs).float()


def draw_centre_mm(rng: np.random.Generator, scan: CoarseScan) -> Float64[np.ndarray, "3"]:
    """Returns a place near the centre of a scan, counted from it."""
    return np.asarray(rng.uniform(-0.1, 0.1, 3) * scan.extent_mm)


def with_other_intensities(
    cubes: Float[Tensor, "scans levels edge edge edge"], generator: torch.Generator
) -> Float[Tensor, "scans levels edge edge edge"]:
    """Returns cubes with another gamma, contrast and brightness, noise, and a box of one value in some of them."""

    def draw(low: float, high: float) -> Tensor:
        return torch.rand(len(cubes), 1, 1, 1, 1, generator=generator) * (high - low) + low

    share = ((cubes + 1) / 2).clamp(0, 1) ** draw(-0.3, 0.3).exp()
    changed = (2 * share - 1) * draw(0.85, 1.15) + draw(-0.1, 0.1)
    changed = changed + torch.randn(cubes.shape, generator=generator) * draw(0.0, 0.08)
    return changed.where(~_boxes(cubes, generator), draw(-1.0, 1.0))


def _boxes(cubes: Tensor, generator: torch.Generator) -> Tensor:
    """Returns a random box in each of half of the scans, as a mask: no single organ may decide."""
    count, edge = len(cubes), cubes.shape[-1]
    inside = (torch.rand(count, 1, generator=generator) < 0.6)[..., None, None]
    for axis in range(3):
        low = torch.rand(count, 1, generator=generator) * edge
        length = torch.rand(count, 1, generator=generator) * edge / 2
        at = torch.arange(edge)
        along = (at >= low - length / 2) & (at < low + length / 2)
        shape = [count, 1, 1, 1]
        shape[axis + 1] = edge
        inside = inside[..., :] & along.view(shape) if axis else inside.view(count, 1, 1, 1) & along.view(shape)
    return inside[:, None].expand_as(cubes)


def _draw_log_factors(rng: np.random.Generator) -> Float64[np.ndarray, "3"]:
    """Returns the log of errors of the voxel size: none in a quarter of the draws, one axis, all alike, or each its own."""
    logs = rng.uniform(-LARGEST_LOG_FACTOR, LARGEST_LOG_FACTOR, 3)
    kind, chosen = int(rng.integers(4)), int(rng.integers(3))
    if kind == 0:
        return np.zeros(3)
    if kind == 1:
        return np.where(np.arange(3) == chosen, logs, 0.0)
    return np.full(3, logs[chosen]) if kind == 2 else logs


def _draw_stretch(rng: np.random.Generator) -> Float64[np.ndarray, "3 knots"]:
    local = rng.normal(0, BODY_SHAPES, (3, KNOTS))
    return np.asarray(local - local.mean(1, keepdims=True) + rng.normal(0, BODY_SIZES, (3, 1)))


def _cut_short(rng: np.random.Generator, scan: CoarseScan) -> CoarseScan:
    box = []
    for size in scan.voxels.shape:
        shares = rng.uniform(0, MOST_CUT, 2) * (rng.random(2) < CUT_SHARE)
        first, last = (round(float(share) * size) for share in shares)
        box.append(slice(first, max(size - last, first + 1)))
    return CoarseScan(scan.voxels[tuple(box)], scan.spacing_mm)
