"""Frozen encoders of a comparison: a pretrained one, its twin with new weights, and what scans look like to a rival."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from orienteer.encoders import build_encoder
from orienteer.features.whole_scan import FrozenEncoder, frozen_encoder
from orienteer.runs.card import encoder_facts
from orienteer.runs.run_config import RunConfig
from orienteer.runs.weights import save_encoder
from orienteer.scans.preparation import Preparation
from orienteer.types import TripleMm


def frozen_of(run: Path) -> FrozenEncoder:
    """Returns the frozen encoder of a run; it looks at whole scans."""
    frozen = frozen_encoder(run)
    return FrozenEncoder(
        frozen.encoder, frozen.view_size, frozen.preparation_of_whole_scans(), frozen.device, frozen.card
    )


def rival_preparation(network: Mapping[str, Any]) -> Preparation:
    """Returns how scans are prepared for a rival without a network: as for the networks.

    Args:
        network: settings of the pretraining that the networks have in common.
    """
    spacing: TripleMm = tuple(network["spacing_mm"])
    return Preparation(
        spacing_mm=spacing,
        ct_window_hu=tuple(network["ct_window_hu"]),
        mr_percentiles=tuple(network["mr_percentiles"]),
        crop_to_body=False,
    )


def save_untrained(folder: Path, config: RunConfig) -> None:
    """Writes the encoder that a fine-tuning from scratch with the config's seed begins with, as a run hands it over."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(config.encoder, config.view_size, **config.encoder_arguments)
    save_encoder(folder, encoder, {**encoder_facts(config, ""), "method": "scratch", "steps": 0})
