"""Which weights are trained when, and at which learning rate: full, frozen, decoder first, layer-wise decay."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs.schedule import warmup_cosine


class Schedule:
    """AdamW over a network whose encoder may be frozen for a while or for good, or have lower learning rates.

    Args:
        network: what is trained.
        level: encoder level of each parameter that belongs to the encoder, by name; the others are new.
        levels: how many levels the encoder has.
        config: rates, decay, schedule and number of steps.
    """

    def __init__(self, network: nn.Module, level: Mapping[str, int], levels: int, config: FinetuneConfig) -> None:
        self.config = config
        self.encoder = [parameter for name, parameter in network.named_parameters() if name in level]
        self.begins = first_encoder_step(config)
        groups: dict[tuple[int | None, bool], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if name in level and self.begins >= config.steps:
                parameter.requires_grad_(False)
            elif parameter.requires_grad:
                groups.setdefault((level.get(name), parameter.ndim > 1), []).append(parameter)
        self.optimiser = torch.optim.AdamW(
            [self._group(place, decayed, parameters, levels) for (place, decayed), parameters in groups.items()],
            lr=config.learning_rate,
        )

    def before_step(self, step: int) -> None:
        """Sets the learning rates of a step, counted from 0, and freezes the encoder or not."""
        config, trained = self.config, step >= self.begins
        for parameter in self.encoder:
            parameter.requires_grad_(trained)
        for group in self.optimiser.param_groups:
            begins = self.begins if group["level"] is not None else 0
            share = warmup_cosine(step, config.steps, config.warmup, begins)
            group["lr"] = config.learning_rate * group["factor"] * share

    def _group(self, place: int | None, decayed: bool, parameters: list[nn.Parameter], levels: int) -> dict[str, Any]:
        return {
            "params": parameters,
            "weight_decay": self.config.weight_decay if decayed else 0.0,
            "level": place,
            "factor": 1.0 if place is None else self.config.layer_decay ** (levels - place),
        }


def first_encoder_step(config: FinetuneConfig) -> int:
    """Returns the first step in which the encoder is trained; the number of steps where it never is.

    Example:
        >>> first_encoder_step(FinetuneConfig(steps=100, schedule="decoder-first", decoder_first=0.25))
        25
    """
    if config.schedule == "frozen":
        return config.steps
    return round(config.decoder_first * config.steps) if config.schedule == "decoder-first" else 0
