"""encoder.safetensors: writing the weights of an encoder, with its encoder.json, and loading them again."""

import hashlib
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from orienteer.encoders import build_encoder
from orienteer.encoders.adapters import Settings
from orienteer.encoders.adoption import Adopted, adopt
from orienteer.encoders.base import Encoder
from orienteer.encoders.states import check_before_building, check_finite, load_state
from orienteer.errors import InputError
from orienteer.files import write_bytes, write_json
from orienteer.runs.card import CARD_FILE, FORMAT, card_file, read_card
from orienteer.runs.foreign import is_foreign, read_foreign
from orienteer.runs.hub import local_copy
from orienteer.runs.hub_folder import MODEL_FILE

WEIGHTS_FILE = "encoder.safetensors"
SCRATCH = "scratch"
"""Given in place of a run for a network without pretrained weights."""

_COPY_AGAIN = "copy both files again from the run folder"

_VERSIONS = ("orienteer", "torch", "monai")


def check_same_weights(place: str | Path, sha256: str, began_with: str) -> None:
    """Checks that weights that are loaded once more are those that a command began with.

    Args:
        place: where they were loaded from.
        sha256: of these weights.
        began_with: of the weights that the command loaded first.

    Raises:
        InputError: they are others.
    """
    if sha256 != began_with:
        wanted, do = "the weights that the command began with", "start again when nothing writes to it"
        raise InputError(str(place), wanted=wanted, got="others", do=do)


def save_encoder(folder: Path, encoder: Encoder, facts: Mapping[str, Any]) -> None:
    """Writes ``encoder.safetensors`` and ``encoder.json`` into ``folder``, each whole or not at all.

    Args:
        folder: the run folder.
        encoder: the trained encoder.
        facts: what a user of the weights must know about its input and training, as `encoder_facts` returns it.
    """
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()})
    card = {
        "format": FORMAT,
        "encoder": encoder.family,
        "arguments": dict(encoder.arguments),
        "channels": list(encoder.channels),
        "strides": [list(stride) for stride in encoder.strides],
        "target": encoder.target,
        "target_arguments": dict(encoder.target_arguments),
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        **facts,
        "versions": {package: version(package) for package in _VERSIONS},
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_bytes(folder / WEIGHTS_FILE, content)
    write_json(folder / CARD_FILE, card)


def load_encoder(path: str | Path, grad_checkpointing: bool = False) -> tuple[Encoder, dict[str, Any]]:
    """Returns the encoder of a run, in eval mode, and the content of its encoder.json.

    Args:
        path: a run folder, an ``encoder.safetensors`` with its ``encoder.json`` beside it, a folder that `orienteer.push`
            wrote, or an address on the Hugging Face hub, ``hf://user/name``.
        grad_checkpointing: recompute feature maps in the backward pass: less memory, about a third more time.

    Raises:
        InputError: a missing, damaged or changed file, or weights that do not fit the network that encoder.json names.
    """
    weights, card = read_weights(path)
    size, arguments = tuple(card["view_size"]), card["arguments"]
    build = partial(build_encoder, card["encoder"], size, grad_checkpointing=grad_checkpointing, **arguments)
    check_before_building(build, {"view_size": size, **arguments}, weights, str(path), _COPY_AGAIN)
    encoder = build()
    _load(encoder, weights, path)
    return encoder.eval(), card


def start_from(encoder: Encoder, path: str | Path) -> Adopted | None:
    """Replaces the initial weights of an encoder by those of a run, or of a file that others published.

    Args:
        encoder: the encoder to train.
        path: what `load_encoder` takes, or a state dict or checkpoint of others, see `orienteer.encoders.adapters`.

    Returns:
        What became of the tensors of a file of others; None for a run, whose weights fit in full.

    Raises:
        InputError: a missing, damaged or changed file, or the weights of another network.
    """
    place = local_copy(path)
    if is_foreign(place):
        foreign = read_foreign(place)
        return adopt(encoder, foreign.state, foreign.file.name)
    weights, _ = read_weights(place)
    _load(encoder, weights, path)
    return None


def encoder_of(path: str | Path) -> Settings | None:
    """Returns name and arguments of the encoder that weights are of; None for a file of others that does not tell.

    Raises:
        InputError: as `start_from`.
    """
    place = local_copy(path)
    if is_foreign(place):
        return read_foreign(place).settings
    _, card = read_weights(place)
    return card["encoder"], dict(card["arguments"])


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Returns the tensors of a run's encoder.safetensors and the content of its encoder.json.

    Raises:
        InputError: a missing, damaged or changed file.
    """
    place = local_copy(path)
    if is_foreign(place):
        got = "weights of others, which do not say how scans are prepared"
        do = "start from them: pretrain --weights, or finetune --start"
        raise InputError(str(path), wanted=f"a run folder with {WEIGHTS_FILE} and {CARD_FILE}", got=got, do=do)
    folder = place if place.is_dir() else place.parent
    card, file = read_card(folder), weights_file(folder)
    content = _content(file)  # read once: the hash is of the bytes that are loaded
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise InputError(
            str(file),
            wanted=f"the weights that {card_file(folder).name} describes",
            got="no such file" if not content else "a file that is cut short or was changed",
            do=_COPY_AGAIN,
        )
    try:
        weights = load(content)
    except SafetensorError as error:
        do = "export or copy the weights again"
        raise InputError(str(file), wanted="a safetensors file", got=str(error), do=do) from error
    check_finite(weights, str(file))
    return weights, card


def weights_file(folder: Path) -> Path:
    """Returns the weights of a folder: those of a run, or of what `orienteer push` wrote."""
    return folder / (WEIGHTS_FILE if card_file(folder).name == CARD_FILE else MODEL_FILE)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.is_file() else b""
    except OSError as error:
        got, do = error.strerror or str(error), "check its permissions and its disk"
        raise InputError(str(file), wanted="a file that can be read", got=got, do=do) from error


def _load(encoder: Encoder, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Loads weights into an encoder: every tensor, with its shape.

    Raises:
        InputError: tensors that are missing, unexpected or of another shape.
    """
    load_state(
        encoder,
        weights,
        what=str(path),
        wanted=f"the weights of encoder '{encoder.family}' with arguments {dict(encoder.arguments)}",
        do=f"use the encoder and encoder_arguments that the weights were trained with; {CARD_FILE} lists them",
    )
