"""The files that a run hands over: encoder.safetensors, and encoder.json with all that is needed to use it."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.files import write_bytes, write_json
from orienteer.runs.forms import check_forms

WEIGHTS_FILE, CARD_FILE = "encoder.safetensors", "encoder.json"
SCRATCH = "scratch"
"""What stands in place of a run where no pretrained weights are wanted."""

FORMAT = 1
"""Version of these files. A file of a later version is refused rather than misread."""

_NEEDED = ("format", "encoder", "arguments", "view_size", "spacing_mm", "axes", "intensity", "sha256")
_VERSIONS = ("orienteer", "torch", "monai")


def save_encoder(folder: Path, encoder: Encoder, facts: Mapping[str, Any]) -> None:
    """Writes ``encoder.safetensors`` and ``encoder.json`` into ``folder``, each whole or not at all.

    Args:
        facts: what a user of the weights must know: view size, spacing, axes, intensity rule, unit_mm, data fingerprint.
    """
    blob = save({name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()})
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
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    write_bytes(folder / WEIGHTS_FILE, blob)
    write_json(folder / CARD_FILE, card)


def load_encoder(path: str | Path, grad_checkpointing: bool = False) -> tuple[Encoder, dict[str, Any]]:
    """Returns the encoder of a run, in eval mode, with what its encoder.json says.

    Args:
        path: a run folder, or an ``encoder.safetensors`` with its ``encoder.json`` beside it.

    Raises:
        InputError: a missing, cut or changed file, or weights that do not fit the network that encoder.json names.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    weights, card = folder / WEIGHTS_FILE, read_card(folder)
    blob = weights.read_bytes() if weights.is_file() else b""  # the hash is of what is loaded, not of a second reading
    if hashlib.sha256(blob).hexdigest() != card["sha256"]:
        raise InputError(
            str(weights),
            wanted="the weights that encoder.json describes",
            got="no such file" if not blob else "a file that is cut short or was changed",
            do="copy both files again from the run folder",
        )
    encoder = build_encoder(
        card["encoder"], tuple(card["view_size"]), grad_checkpointing=grad_checkpointing, **card["arguments"]
    )
    load_strictly(encoder, weights, blob)
    return encoder.eval(), card


def load_strictly(encoder: Encoder, source: Path, blob: bytes | None = None) -> None:
    """Puts the weights of a safetensors file into ``encoder``: every tensor, with its shape, or an error.

    Raises:
        InputError: naming the first tensors that are missing, left over or of another shape.
    """
    try:
        state = load(blob if blob is not None else source.read_bytes())
    except (SafetensorError, OSError) as error:
        raise InputError(
            str(source), wanted="a safetensors file", got=str(error), do="export or copy the weights again"
        ) from error
    own = encoder.state_dict()
    missing = [name for name in own if name not in state]
    left_over = sorted(name for name in state if name not in own)  # the file has no order
    other = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or left_over or other:
        raise InputError(
            str(source),
            wanted=f"the weights of encoder '{encoder.family}' with arguments {dict(encoder.arguments)}",
            got=f"{len(missing)} missing {missing[:3]}, {len(left_over)} left over {left_over[:3]}, "
            f"{len(other)} of another shape {other[:3]}",
            do="give the encoder and encoder_arguments that the weights were trained with; see encoder.json",
        )
    encoder.load_state_dict(state)


def read_card(folder: Path) -> dict[str, Any]:
    """Returns encoder.json of a folder.

    Raises:
        InputError: it is not there, not JSON, of a later version, or what is needed to use the weights is missing or wrong.
    """
    try:
        card = json.loads((folder / CARD_FILE).read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            str(folder),
            wanted=f"a run folder with {WEIGHTS_FILE} and {CARD_FILE}",
            got=f"none that can be read ({type(error).__name__})",
            do="name the folder that `orienteer pretrain` wrote",
        ) from error
    missing = [key for key in _NEEDED if not isinstance(card, dict) or key not in card]
    if missing:
        raise InputError(
            str(folder / CARD_FILE),
            wanted=f"what `orienteer pretrain` writes: {', '.join(_NEEDED)}",
            got=f"no {', '.join(missing[:3])}",
            do="copy the file again from the run folder",
        )
    if card["format"] != FORMAT:
        raise InputError(
            str(folder / CARD_FILE), wanted=f"format {FORMAT}", got=str(card["format"]), do="install a newer orienteer"
        )
    check_forms(folder / CARD_FILE, card)
    return card
