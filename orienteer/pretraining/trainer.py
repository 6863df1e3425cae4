"""The Lightning trainer of a run."""

import logging
import warnings

import pytorch_lightning as pl

from orienteer.errors import InputError
from orienteer.runs.atomic_checkpoints import AtomicCheckpoints
from orienteer.runs.run_config import RunConfig

_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def build_trainer(config: RunConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Returns the trainer for the settings of a run; Lightning's own logging and checkpointing are off.

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


def _strategy(config: RunConfig) -> str:
    if config.devices * config.nodes == 1:
        return "auto"
    # If all tasks use coarse levels only, the fine levels of a decoder get no gradient.
    return "ddp_find_unused_parameters_true" if config.encoder_arguments.get("decoder") else "ddp"
