"""The files of a fine-tuned model: model.safetensors, and model.json with all that is needed to use the weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from orienteer.errors import InputError
from orienteer.files import write_bytes, write_json
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.runs.card_checks import check_values
from orienteer.runs.weights import SCRATCH

MODEL_FILE, MODEL_CARD = "model.safetensors", "model.json"
FORMAT = 1
"""Version of these files. A file of a later version is refused rather than misread."""

COPY_AGAIN = "copy both files again from the folder of the fine-tuning"

_NEEDED = ("format", "task", "classes", "spacing_mm", "intensity", "modality", "overlap", "sha256")
_NEEDED_BY = {
    "segmentation": ("target", "target_arguments", "patch_size"),
    "classification": ("encoder", "arguments", "view_size"),
}


def write_model(folder: Path, task: str, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes model.safetensors and model.json, each whole or not at all.

    Args:
        task: ``segmentation`` or ``classification``.
        state: the weights, each tensor once.
        facts: the other entries of model.json.
    """
    blob = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()})
    card = {
        "format": FORMAT,
        "task": task,
        **facts,
        "licence": "unknown: set it before you share the weights; it depends on the scans",
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    write_bytes(folder / MODEL_FILE, blob)
    write_json(folder / MODEL_CARD, card)


def training_facts(settings: ResolvedFinetune) -> dict[str, Any]:
    """Returns the entries of model.json on the training."""
    start = SCRATCH if settings.point.start == SCRATCH else "pretrained"  # paths stay private
    return {"start": start, "steps": settings.config.steps, "seed": settings.config.seed}


def read_model_card(folder: Path, task: str | None = None) -> dict[str, Any]:
    """Returns model.json of a fine-tuning's folder.

    Args:
        task: the task that it must be of; by default any.

    Raises:
        InputError: no such file, not JSON, a later version, another task, or entries that are missing or malformed.
    """
    file = folder / MODEL_CARD
    try:
        card: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            str(folder),
            wanted=f"a folder with {MODEL_FILE} and {MODEL_CARD}",
            got=f"none that can be read ({type(error).__name__})",
            do="give the folder that `orienteer finetune` wrote",
        ) from error
    known = card if isinstance(card, dict) else {}
    missing = [key for key in (*_NEEDED, *_NEEDED_BY.get(str(known.get("task")), ())) if key not in known]
    if missing:
        wanted, got = "what `orienteer finetune` writes", f"no {', '.join(missing[:3])}"
        raise InputError(str(file), wanted=wanted, got=got, do=COPY_AGAIN)
    if card["format"] != FORMAT:
        raise InputError(str(file), wanted=f"format {FORMAT}", got=str(card["format"]), do="install a newer orienteer")
    if task not in (None, card["task"]):
        got = f"that of a {card['task']}"
        raise InputError(str(folder), wanted=f"the folder of a {task}", got=got, do="give another folder")
    check_values(file, card)
    return card


def read_model_state(folder: Path, card: Mapping[str, Any]) -> dict[str, Tensor]:
    """Returns the tensors of model.safetensors, by name.

    Raises:
        InputError: a missing, cut or changed file.
    """
    file = folder / MODEL_FILE
    blob = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(blob).hexdigest() != card["sha256"]:
        got = "a file that is cut short or was changed" if blob else "no such file"
        raise InputError(str(file), wanted="the weights that model.json describes", got=got, do=COPY_AGAIN)
    try:
        return load(blob)
    except SafetensorError as error:
        raise InputError(str(file), wanted="a safetensors file", got=str(error), do=COPY_AGAIN) from error
