"""A dry run: time and memory of a few training steps on random views."""

import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from orienteer.pretraining.footprint import Footprint, counted
from orienteer.pretraining.memory import peak_memory_mb
from orienteer.pretraining.module import Pretraining, named_losses, total_loss
from orienteer.pretraining.resolve import on_gpu
from orienteer.runs.network import Network, build_network, task_weights
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
    views = random_views(config).to(device)
    optimiser = torch.optim.AdamW(module.network.parameters())

    def step() -> None:
        optimiser.zero_grad()
        backward(module, views, config)
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    step()  # the warm-up of the device
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    seconds = (time.perf_counter() - began) / STEPS * config.accumulate
    return Cost(seconds, peak_memory_mb(device))


def count_step(config: RunConfig) -> Footprint:
    """Returns what a step needs on one device of a run, whatever that device is.

    Nothing is computed: the network and its feature maps have shapes and types, but no values.

    Example:
        >>> from orienteer.runs.run_config import make_run_config
        >>> sizes = {"view_size": (32, 32, 32), "spacing_mm": (2.0, 2.0, 2.0), "unit_mm": 100.0}
        >>> footprint = count_step(make_run_config({**sizes, "method": "spatial", "encoder": "tiny", "views": 4}))
        >>> footprint.weight_bytes > 10**6, footprint.flops > 10**9
        (True, True)
    """
    views = random_views(config)  # some distortions are made by numpy, which wants values
    with warnings.catch_warnings(), FakeTensorMode(allow_non_fake_inputs=True):
        warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")  # when a teacher is copied
        network = build_network(config)
        module = Pretraining(network, task_weights(config), config)
        with counted(module) as footprint:
            backward(module, views, config)
    return footprint


def backward(module: Pretraining, views: ViewBatch, config: RunConfig) -> None:
    """Computes the losses of a step at the precision of a run, and their gradients."""
    lower = torch.float16 if config.precision == "16" and views.images.is_cuda else torch.bfloat16  # as Lightning does
    with torch.autocast(views.images.device.type, lower, enabled=config.precision != "32"):
        total = total_loss(module.weights, named_losses(module.network.answers(views, module.teacher)))
    total.backward()


def random_views(config: RunConfig) -> ViewBatch:
    """Returns random views as a device gets them in a step: its share of the scans, distorted as the method does."""
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
