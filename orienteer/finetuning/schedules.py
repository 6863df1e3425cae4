"""Which weights learn when, and how fast: full, frozen, decoder first; slower towards the encoder's first level."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from orienteer.finetuning.config import FinetuneConfig


class Schedule:
    """AdamW over a network whose encoder may be left alone for a while or for good, or learn more slowly.

    Args:
        network: what is trained.
        level: encoder level of each parameter that belongs to the encoder, by name; the others are new.
        levels: how many levels the encoder has.
        config: rates, decay, schedule and number of steps.
    """

    def __init__(self, network: nn.Module, level: Mapping[str, int], levels: int, config: FinetuneConfig) -> None:
        self.config = config
        self.encoder = [parameter for name, parameter in network.named_parameters() if name in level]
        self.begins = encoder_begins(config)
        groups: dict[tuple[int | None, bool], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if name in level and self.begins >= config.steps:
                parameter.requires_grad_(False)
            elif parameter.requires_grad:
                groups.setdefault((level.get(name), parameter.ndim > 1), []).append(parameter)
        self.optimiser = torch.optim.AdamW(
            [self._group(place, decayed, found, levels) for (place, decayed), found in groups.items()],
            lr=config.learning_rate,
        )

    def before_step(self, step: int) -> None:
        """Sets the rates of a step, counted from 0, and lets the encoder learn or not."""
        learns = step >= self.begins
        for parameter in self.encoder:
            parameter.requires_grad_(learns)
        for group in self.optimiser.param_groups:
            begins = self.begins if group["level"] is not None else 0
            group["lr"] = self.config.learning_rate * group["factor"] * rate_factor(step, begins, self.config)

    def _group(self, place: int | None, decayed: bool, found: list[nn.Parameter], levels: int) -> dict[str, Any]:
        return {
            "params": found,
            "weight_decay": self.config.weight_decay if decayed else 0.0,
            "level": place,
            "factor": 1.0 if place is None else self.config.layer_decay ** (levels - place),
        }


def encoder_begins(config: FinetuneConfig) -> int:
    """Returns the first step in which the encoder learns; the number of steps where it never does.

    Example:
        >>> encoder_begins(FinetuneConfig(steps=100, schedule="decoder-first", decoder_first=0.25))
        25
    """
    if config.schedule == "frozen":
        return config.steps
    return round(config.decoder_first * config.steps) if config.schedule == "decoder-first" else 0


def rate_factor(step: int, begins: int, config: FinetuneConfig) -> float:
    """Returns the share of the peak rate at a step: a straight rise from where learning begins, then a cosine to zero.

    What begins later rises to the rate that the others have by then.

    Example:
        >>> config = FinetuneConfig(steps=100, warmup=0.1)
        >>> [round(rate_factor(step, 0, config), 2) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        >>> rate_factor(49, 50, config)
        0.0
    """
    rise = max(1, round(config.steps * config.warmup))
    falling = 0.5 * (1 + math.cos(math.pi * max(0, step - rise) / max(1, config.steps - rise)))
    return falling * min(1.0, max(0.0, (step - begins + 1) / rise))
