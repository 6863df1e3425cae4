"""Where a fine-tuning starts from: the network, spacing and intensity rule of a run, its weights or new ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs.card import read_card
from orienteer.runs.weights import SCRATCH, load_encoder
from orienteer.types import Triple, TripleMm

LEAST_VIEW_VOX = 32
"""Edge of the views that a new network is built for where nothing else is known, voxels."""


def with_start(config: FinetuneConfig) -> FinetuneConfig:
    """Returns the config with what the run (or the weights) settle: network, spacing, intensity rule, start.

    Settings that the user gave are kept, but for the network: that one belongs to the run.

    Raises:
        InputError: a run or weights file that cannot be read, or an encoder that is not the run's.

    Example:
        >>> with_start(FinetuneConfig(encoder="segresnet")).start
        'scratch'
    """
    start = config.start or config.run or SCRATCH
    source = config.run or (start if start != SCRATCH else None)
    if source is None:
        return replace(config, start=SCRATCH, **_new_network(config))
    card = start_card(source)
    if config.encoder not in ("auto", card["encoder"]):
        raise InputError(
            "encoder",
            wanted=f"'{card['encoder']}', the network of {source}",
            got=f"'{config.encoder}'",
            do="leave --encoder out, or leave the run out to start from scratch",
        )
    given = {name: value for name, value in config.encoder_arguments.items() if card["arguments"].get(name) != value}
    if given:
        raise InputError(
            "encoder_arguments",
            wanted=f"those of {source}, {card['arguments']}",
            got=str(given),
            do="leave them out, or leave the run out to start from scratch",
        )
    intensity = card["intensity"]
    return replace(
        config,
        start=start,
        encoder=card["encoder"],
        encoder_arguments=dict(card["arguments"]),
        spacing_mm=config.spacing_mm or _three(card["spacing_mm"]),
        ct_window_hu=config.ct_window_hu or _two(intensity["CT"]["window_hu"]),
        mr_percentiles=config.mr_percentiles or _two(intensity["MR"]["percentiles_of_body"]),
    )


def start_encoder(config: FinetuneConfig, view_size: Triple | None = None) -> Encoder:
    """Returns the encoder that a fine-tuning begins with: the weights of its start, or new ones drawn from its seed.

    Args:
        config: as `with_start` gives it.
        view_size: size in voxels that the encoder will see. By default the size that the run was trained with.

    Raises:
        InputError: weights that are missing, damaged or of another architecture, or a size that the network refuses.
    """
    name, arguments = config.encoder, dict(config.encoder_arguments)
    size = view_size or run_view_size(config) or (LEAST_VIEW_VOX,) * 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(name, (size[0], size[1], size[2]), **arguments)
    if config.start in (None, SCRATCH):
        return encoder
    trained, card = load_encoder(config.start)
    if card["encoder"] != name or dict(card["arguments"]) != arguments:
        raise InputError(
            "start",
            wanted=f"weights of encoder '{name}' with arguments {arguments}",
            got=f"{config.start}, weights of '{card['encoder']}' with arguments {card['arguments']}",
            do="start from weights of the same architecture, or name only one of run and start",
        )
    state, own = trained.state_dict(), encoder.state_dict()
    other = [key for key in own if own[key].shape != state[key].shape]
    if other:
        raise InputError(
            "patch_size",
            wanted=f"{tuple(card['view_size'])}, the size that {config.start} has position embeddings for",
            got=str(size),
            do=f"use --patch-size {' '.join(str(edge) for edge in card['view_size'])}",
        )
    encoder.load_state_dict(state)
    return encoder


def start_card(source: str | Path) -> dict[str, Any]:
    """Returns encoder.json of a run folder, or of the folder that an encoder.safetensors lies in.

    Raises:
        InputError: it is not there, or is not one of ours.
    """
    path = Path(source)
    return read_card(path if path.is_dir() else path.parent)


def run_view_size(config: FinetuneConfig) -> Triple | None:
    """Returns the size in voxels of the views that the run was trained with; None where there is no run."""
    source = _run_or_weights(config)
    if source is None:
        return None
    size = start_card(source)["view_size"]
    return int(size[0]), int(size[1]), int(size[2])


def run_spacing_mm(config: FinetuneConfig) -> TripleMm | None:
    """Returns the voxel size that the run was trained with; None where there is no run."""
    source = _run_or_weights(config)
    return None if source is None else _three(start_card(source)["spacing_mm"])


def _run_or_weights(config: FinetuneConfig) -> str | None:
    return config.run or (config.start if config.start not in (None, SCRATCH) else None)


def _new_network(config: FinetuneConfig) -> dict[str, Any]:
    """Returns encoder and arguments where there is no run."""
    if config.encoder != "auto":
        return {"encoder": config.encoder}
    if config.accelerator != "cpu" and torch.cuda.is_available():
        return {"encoder": "dynunet"}
    # At half resolution, as in pretraining, a network misses thin structures.
    return {"encoder": "tiny", "encoder_arguments": {"stem_stride": 1, **config.encoder_arguments}}


def _two(values: list[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _three(values: list[float]) -> TripleMm:
    return float(values[0]), float(values[1]), float(values[2])
