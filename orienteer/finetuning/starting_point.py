"""Where a fine-tuning starts: the network, spacing and intensity rules of a run, and its weights or new ones."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from orienteer.devices import choose_device
from orienteer.encoders import build_encoder
from orienteer.encoders.adoption import Adopted
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs.card import read_card
from orienteer.runs.foreign import is_foreign
from orienteer.runs.hub import local_copy
from orienteer.runs.recipe import Card, ct_window_of, mr_percentiles_of, spacing_of
from orienteer.runs.weights import SCRATCH, encoder_of, load_encoder, start_from
from orienteer.settings import require
from orienteer.types import Triple

ONE_SIZE = ("vit",)
"""Encoders with a position embedding: they take patches of the size that they were built for and of no other."""

PATCHES_PER_EDGE = 4
"""A new network is built for views of this many transformer patches (16 voxels) along each edge where no size is known.
Most networks take other sizes afterwards; those of ``ONE_SIZE`` are built again by `encoder_for`."""


@dataclass(frozen=True)
class StartingPoint:
    """What a fine-tuning begins with.

    Attributes:
        config: the settings, in which the run has decided network, spacing, intensity rules and start.
        start: ``scratch``, or where the weights come from.
        encoder: the network with these weights, or with new ones drawn from the seed.
        view_size: size in voxels of the views that the run was trained with; None without a run.
        adopted: what became of the tensors of a file of others that the weights come from.
        spacing_of_run: whether scans are prepared with the spacing that the run was trained with.
    """

    config: FinetuneConfig
    start: str
    encoder: Encoder
    view_size: Triple | None
    spacing_of_run: bool
    adopted: Adopted | None = None

    @property
    def one_size(self) -> Triple | None:
        """The only patch size that the weights fit; None where other sizes are possible."""
        return self.view_size if self.encoder.family in ONE_SIZE else None


def starting_point(config: FinetuneConfig) -> StartingPoint:
    """Returns the network that a fine-tuning begins with, and the settings that its run decides.

    Settings given by the user take precedence, except for the network, which is the run's.

    Raises:
        InputError: a run or weights that cannot be read, or another network than the run's.

    Example:
        >>> point = starting_point(FinetuneConfig(encoder="segresnet", encoder_arguments={"init_filters": 8}))
        >>> point.start, point.encoder.family
        ('scratch', 'segresnet')
    """
    if config.run is not None and is_foreign(local_copy(config.run)):
        config = replace(_as_of_file(config, config.run), start=config.start or config.run, run=None)
    start = config.start or config.run or SCRATCH
    if start != SCRATCH and is_foreign(local_copy(start)):
        return _from_others(config, start)
    source = config.run or (start if start != SCRATCH else None)
    trained, weights_card = load_encoder(start) if start != SCRATCH else (None, {})
    if source is None:
        config = replace(config, start=SCRATCH, **_new_network(config))
        encoder = _checked(_new_encoder(config, _size_for_new(config)), config.patch_size)
        return StartingPoint(config, SCRATCH, encoder, None, spacing_of_run=False)
    card = weights_card if source == start else read_card(_folder(source))
    _check_network(config, card, source)
    config = _with_run(config, card, start)
    size = _triple(card["view_size"])
    if trained is None:
        encoder = _new_encoder(config, (config.patch_size or size) if card["encoder"] in ONE_SIZE else size)
    else:
        _check_weights(card, weights_card, start)
        encoder, size = trained, _triple(weights_card["view_size"])
    spacing_of_run = config.spacing_mm == spacing_of(card)
    return StartingPoint(config, start, _checked(encoder, config.patch_size), size, spacing_of_run)


def _from_others(config: FinetuneConfig, start: str) -> StartingPoint:
    """Returns the start from a file of others: network and preparation of the run, or else the network of the file."""
    config = _as_of_file(config, start) if config.run is None else config
    point = starting_point(replace(config, start=SCRATCH))
    adopted = start_from(point.encoder, start)
    return replace(point, config=replace(point.config, start=start), start=start, adopted=adopted)


def _as_of_file(config: FinetuneConfig, file: str) -> FinetuneConfig:
    """Returns the settings with the encoder of a file of others, where none is named and the file tells."""
    settings = encoder_of(file) if config.encoder == "auto" else None
    if settings is None:
        return config
    return replace(config, encoder=settings[0], encoder_arguments={**settings[1], **config.encoder_arguments})


def encoder_for(point: StartingPoint, patch_size: Triple) -> Encoder:
    """Returns the encoder for patches of a size that was planned after the network was built.

    Only a new network with a position embedding has to be built again.

    Raises:
        InputError: a size that the network does not take.
    """
    if point.start == SCRATCH and point.encoder.family in ONE_SIZE and patch_size != point.encoder.view_size:
        return _new_encoder(point.config, patch_size)
    return _checked(point.encoder, patch_size)


def _checked(encoder: Encoder, patch_size: Triple | None) -> Encoder:
    """Returns the encoder if it takes patches of this size."""
    try:
        encoder.check_size(patch_size or encoder.view_size)
    except InputError as error:
        raise InputError("patch_size", wanted=error.wanted, got=error.got, do=error.do) from None
    return encoder


def _new_encoder(config: FinetuneConfig, size: Triple) -> Encoder:
    """Returns the encoder with new weights drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build_encoder(config.encoder, size, **config.encoder_arguments)


def _size_for_new(config: FinetuneConfig) -> Triple:
    """Returns the view size that a new network is built for without a run."""
    if config.patch_size is not None and config.encoder in ONE_SIZE:
        return config.patch_size
    edge = PATCHES_PER_EDGE * int(config.encoder_arguments.get("patch_size", 16))
    return edge, edge, edge


def _new_network(config: FinetuneConfig) -> dict[str, Any]:
    """Returns encoder and arguments without a run."""
    if config.encoder != "auto":
        return {"encoder": config.encoder}
    if choose_device(config.accelerator).type == "cuda":
        return {"encoder": "dynunet"}
    # At half resolution, as in pretraining, a network misses thin structures.
    return {"encoder": "tiny", "encoder_arguments": {"stem_stride": 1, **config.encoder_arguments}}


def _with_run(config: FinetuneConfig, card: Card, start: str) -> FinetuneConfig:
    """Returns the settings with those of a run where the user gave none."""
    return replace(
        config,
        start=start,
        encoder=card["encoder"],
        encoder_arguments=dict(card["arguments"]),
        spacing_mm=config.spacing_mm or spacing_of(card),
        ct_window_hu=config.ct_window_hu or ct_window_of(card),
        mr_percentiles=config.mr_percentiles or mr_percentiles_of(card),
    )


def _check_network(config: FinetuneConfig, card: Card, source: str) -> None:
    """Raises an error where the user asks for another network than the run's."""
    if config.encoder not in ("auto", card["encoder"]):
        raise InputError(
            "encoder",
            wanted=f"'{card['encoder']}', the network of {source}",
            got=f"'{config.encoder}'",
            do="omit --encoder, or omit the run to start from scratch",
        )
    other = {name: value for name, value in config.encoder_arguments.items() if card["arguments"].get(name) != value}
    if other:
        raise InputError(
            "encoder_arguments",
            wanted=f"those of {source}, {card['arguments']}",
            got=str(other),
            do="omit them, or omit the run to start from scratch",
        )


def _check_weights(card: Card, weights_card: Card, start: str) -> None:
    """Raises an error where the weights belong to another network than the run's."""
    wanted = f"weights of encoder '{card['encoder']}' with arguments {card['arguments']}"
    got = f"{start}, weights of '{weights_card['encoder']}' with arguments {weights_card['arguments']}"
    do = "start from weights of the same architecture, or give only one of run and start"
    require(all(weights_card[key] == card[key] for key in ("encoder", "arguments")), "start", wanted, got, do)


def _folder(source: str) -> Path:
    place = local_copy(source)
    return place if place.is_dir() else place.parent


def _triple(size: list[int]) -> Triple:
    return size[0], size[1], size[2]
