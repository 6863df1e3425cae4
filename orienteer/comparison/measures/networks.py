"""Frozen encoders of a comparison: a pretrained one, and its untrained twin."""

from pathlib import Path

import torch

from orienteer.encoders import build_encoder
from orienteer.features.pretrained import Pretrained, load
from orienteer.runs.card import encoder_facts
from orienteer.runs.run_config import RunConfig
from orienteer.runs.weights import SCRATCH, save_encoder


def frozen_of(run: Path) -> Pretrained:
    """Returns the frozen encoder of a run, for scans that are not cropped to the body."""
    return load(run, "auto").uncropped()


def save_untrained(folder: Path, config: RunConfig) -> None:
    """Writes the encoder that a fine-tuning from scratch with the config's seed starts from, in the form of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(config.encoder, config.view_size, **config.encoder_arguments)
    save_encoder(folder, encoder, {**encoder_facts(config, ""), "method": SCRATCH, "steps": 0})
