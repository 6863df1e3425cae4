"""A dry run: time and memory of a few training steps on random views."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from orienteer.pretraining.memory import peak_memory_mb
from orienteer.pretraining.module import Pretraining, named_losses, total_loss
from orienteer.pretraining.resolve import on_gpu
from orienteer.runs.network import Network, task_weights
from orienteer.runs.run_config import RunConfig
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import Distorted, distort

STEPS = 3


@dataclass(frozen=True)
class Cost:
    """What a training step costs.

    Attributes:
        seconds_per_step: duration of an optimiser step, without loading views.
        peak_memory_mb: peak memory, of the process on a CPU, of the device on a GPU.
    """

    seconds_per_step: float
    peak_memory_mb: float


def measure_step(config: RunConfig, network: Network) -> Cost:
    """Returns the cost of a training step. The network is trained on noise: do not use it afterwards."""
    device = torch.device("cuda" if on_gpu(config) else "cpu")
    module = Pretraining(network, task_weights(config), config).to(device)
    views = _random_views(config).to(device)
    optimiser = torch.optim.AdamW(module.network.parameters())
    began = 0.0
    for step in range(STEPS + 1):
        if step == 1:  # the first step includes the warm-up of the device
            began = time.perf_counter()
        losses = named_losses(module.network.answers(views, module.teacher))
        optimiser.zero_grad()
        total_loss(module.weights, losses).backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
    seconds = (time.perf_counter() - began) / STEPS * config.accumulate
    return Cost(seconds, peak_memory_mb(device))


def _random_views(config: RunConfig) -> ViewBatch:
    generator = torch.Generator().manual_seed(0)
    sets = config.batch // (config.accumulate * config.devices * config.nodes)
    images = torch.rand(sets, config.views, 1, *config.view_size, generator=generator) * 2 - 1
    centres = torch.rand(sets, config.views, 3, generator=generator) * config.unit_mm
    views = ViewBatch(images, centres, ("random",) * sets, config.spacing_mm)
    distortion = config.view_distortion
    if not distortion.active:
        return views
    distorted = [distort(np.random.default_rng(0), each, distortion) for each in images]
    seen, done = zip(*distorted, strict=True)
    return replace(views, images=torch.stack(seen), distorted=Distorted.stacked(done))
