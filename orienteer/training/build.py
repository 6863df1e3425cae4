"""From settings to things that train: the network of a config, and the Lightning trainer that drives it."""

import logging
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch

from orienteer.encoders import build_encoder
from orienteer.errors import InputError
from orienteer.methods import resolve_method, task_config
from orienteer.tasks import TASKS
from orienteer.tasks.base import FeatureSpec, ViewShape
from orienteer.training.checkpoints import AtomicCheckpoints
from orienteer.training.config import PretrainConfig
from orienteer.training.module import Network
from orienteer.training.weights import WEIGHTS_FILE, load_strictly, read_card

_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def build_network(config: PretrainConfig) -> Network:
    """Returns the encoder and the tasks of a resolved config, initial weights drawn from its seed alone."""
    assert config.view_size is not None
    assert config.spacing_mm is not None
    assert config.unit_mm is not None
    assert config.views is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(
            config.encoder, config.view_size, grad_checkpointing=config.grad_checkpointing, **config.encoder_arguments
        )
        specs = [FeatureSpec(*level) for level in zip(encoder.channels, encoder.strides, strict=True)]
        shape = ViewShape(config.view_size, config.spacing_mm, config.views, config.unit_mm)
        method = resolve_method(config.method, config.tasks)
        tasks = {name: TASKS[name](task_config(name, use), specs, shape) for name, use in method.tasks.items()}
    network = Network(encoder, tasks, {name: use.pull for name, use in method.tasks.items()})
    if config.weights is not None:
        source = Path(config.weights)
        folder = source if source.is_dir() else source.parent
        read_card(folder)
        load_strictly(encoder, folder / WEIGHTS_FILE)
    return network


def task_weights(config: PretrainConfig) -> dict[str, float]:
    """Returns the weight of each task's losses in the sum."""
    return {name: use.weight for name, use in resolve_method(config.method, config.tasks).tasks.items()}


def build_trainer(config: PretrainConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Returns the trainer: devices, nodes, precision, accumulation and clipping as the config says, nothing else on.

    Raises:
        InputError: devices that this machine does not have.
    """
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    try:
        return pl.Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy=_strategy(config),
            precision=_PRECISION[config.precision],  # type: ignore[arg-type]
            max_steps=config.steps,
            max_epochs=-1,
            accumulate_grad_batches=config.accumulate,
            gradient_clip_val=config.clip_norm or None,
            callbacks=callbacks,
            plugins=[AtomicCheckpoints()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
        )
    except (RuntimeError, ValueError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise InputError(
            "accelerator, devices",
            wanted="devices of this machine",
            got=f"{config.accelerator} x {config.devices} ({error})",
            do="use --accelerator cpu, or fewer --devices",
        ) from error


def _strategy(config: PretrainConfig) -> str:
    if config.devices * config.nodes == 1:
        return "auto"
    # A task that looks at coarse levels alone leaves the fine ones of a decoder without a gradient.
    return "ddp_find_unused_parameters_true" if config.encoder_arguments.get("decoder") else "ddp"
