"""The loss of a training step of a segmentation: augmented patches, Dice plus cross-entropy, level by level."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.segmentation.augment import apply_changes, draw_changes
from orienteer.finetuning.segmentation.patches import PatchBatch
from orienteer.types import TripleMm


def segmentation_loss() -> nn.Module:
    """Returns the loss: Dice over the classes above background plus cross-entropy over all, level by level.

    Dice is computed over the batch, so that a patch without a class does not count as a miss. MONAI's weights halve from
    one level of the decoder to the next coarser one.
    """
    from monai.losses import DeepSupervisionLoss, DiceCELoss  # here, not above: it takes seconds

    return DeepSupervisionLoss(DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True))


def step_loss(
    config: FinetuneConfig, network: nn.Module, device: torch.device, spacing_mm: TripleMm, bf16: bool
) -> Callable[[int, PatchBatch], Tensor]:
    """Returns the function that augments the patches of a step and returns their loss."""
    loss = segmentation_loss()

    def of_step(step: int, batch: PatchBatch) -> Tensor:
        batch = augmented(config, step, batch.to(device), spacing_mm)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = network(batch.images)
        value: Tensor = loss(logits, batch.labels.float())
        return value

    return of_step


def augmented(config: FinetuneConfig, step: int, batch: PatchBatch, spacing_mm: TripleMm) -> PatchBatch:
    """Returns the patches of a step as the network receives them: a function of the seed and the step alone."""
    changes = draw_changes(np.random.default_rng([config.seed, 2, step]), config.batch, config.mirror)
    return apply_changes(batch, changes, spacing_mm)
