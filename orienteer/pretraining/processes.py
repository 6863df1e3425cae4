"""Reducing values over all processes, and when an optimiser step is complete."""

import pytorch_lightning as pl
import torch


def mean_over_processes(trainer: pl.Trainer, values: dict[str, torch.Tensor]) -> dict[str, float]:
    """Returns the values of a step averaged over all processes."""
    stacked = torch.stack([value.detach().float().cpu() for value in values.values()])
    return dict(zip(values, reduced(trainer, stacked, "mean").tolist(), strict=True))


def reduced(trainer: pl.Trainer, values: torch.Tensor, how: str) -> torch.Tensor:
    """Returns ``values`` summed or averaged over all processes."""
    if trainer.world_size == 1:
        return values
    return trainer.strategy.reduce(values.to(trainer.strategy.root_device), reduce_op=how).cpu()


def whole_step(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Returns whether a batch was the last part of an accumulated step: only then is anything measured or saved."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0
