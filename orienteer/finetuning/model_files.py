"""The files of a fine-tuned model: model.safetensors, and model.json with all that is needed to use the weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from orienteer.encoders.states import check_finite
from orienteer.errors import InputError
from orienteer.files import read_json, write_bytes, write_json
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.forms import misfit, shown
from orienteer.labelled.dataset_json import check_class_values
from orienteer.runs.card import CARD_FILE
from orienteer.runs.card_checks import check_values
from orienteer.runs.weights import SCRATCH
from orienteer.settings import require

MODEL_FILE, MODEL_CARD = "model.safetensors", "model.json"
FORMAT = 1
"""Version of these files. A file of a later version is refused rather than misread."""

COPY_AGAIN = "copy both files again from the folder of the fine-tuning"


class _Crop(TypedDict):
    to_body: NotRequired[bool]
    margin_mm: NotRequired[float]


class _Model(TypedDict):
    format: int
    task: Literal["segmentation", "classification"]
    spacing_mm: tuple[float, float, float]
    intensity: dict[str, Any]
    modality: Literal["auto", "CT", "MR"]
    overlap: float
    sha256: str
    crop: NotRequired[_Crop]


class _Segmentation(_Model):
    classes: dict[str, str]
    target: str
    target_arguments: dict[str, Any]
    patch_size: tuple[int, int, int]


class _Classification(_Model):
    classes: list[str]
    encoder: str
    arguments: dict[str, Any]
    view_size: tuple[int, int, int]


_FORMS = {"segmentation": _Segmentation, "classification": _Classification}


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


def read_model(folder: Path, task: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Returns model.json and the tensors of model.safetensors of a fine-tuning's folder.

    Args:
        task: the task that it must be of.

    Raises:
        InputError: a missing, cut or changed file, or a model of another task.
    """
    card = read_model_card(folder, task)
    return card, read_model_state(folder, card)


def read_model_card(folder: Path, task: str | None = None) -> dict[str, Any]:
    """Returns model.json of a fine-tuning's folder.

    Args:
        task: the task that it must be of; by default any.

    Raises:
        InputError: no such file, not JSON, a later version, another task, or entries that are missing or malformed.
    """
    file = folder / MODEL_CARD
    if not file.is_file():
        wanted, do = f"a folder with {MODEL_FILE} and {MODEL_CARD}", "give the folder that `orienteer finetune` wrote"
        if not (folder / CARD_FILE).is_file():
            raise InputError(str(folder), wanted=wanted, got="none that can be read", do=do)
        do = "train it on labels first, orienteer finetune RUN --data DATA --out OUT, and give that folder"
        raise InputError(str(folder), wanted=wanted, got="a pretraining run, which predicts no labels", do=do)
    card: dict[str, Any] = read_json(file, wanted="what `orienteer finetune` writes", do=COPY_AGAIN)
    if card.get("format", FORMAT) != FORMAT:
        raise InputError(
            str(file), wanted=f"format {FORMAT}", got=shown(card["format"]), do="install a newer orienteer"
        )
    kind = card.get("task")
    problem = misfit(card, _FORMS[kind] if kind in list(_FORMS) else _Model)
    if problem:
        where = f"{problem.where} in {file}" if problem.where else str(file)
        raise InputError(where, wanted=problem.wanted, got=problem.got, do=COPY_AGAIN)
    if task not in (None, kind):
        raise InputError(
            str(folder), wanted=f"the folder of a {task}", got=f"that of a {kind}", do="give another folder"
        )
    check_values(file, card)
    _check_ranges(file, card)
    return card


def _check_ranges(file: Path, card: Mapping[str, Any]) -> None:
    """Stops where views overlap too much to be counted, or there are no classes."""
    require(0 <= card["overlap"] < 1, f"overlap in {file}", "0 or more and below 1", card["overlap"], COPY_AGAIN)
    classes = card["classes"]
    values = classes if isinstance(classes, list) else [name for name in classes if name.isascii() and name.isdigit()]
    complete = len(values) == len(classes) and len(set(values)) == len(values) >= 2
    require(complete, f"classes in {file}", "a name for each of two or more classes", shown(classes), COPY_AGAIN)
    if isinstance(classes, dict):
        check_class_values(f"classes in {file}", [int(value) for value in classes])


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
        state = load(blob)
    except SafetensorError as error:
        raise InputError(str(file), wanted="a safetensors file", got=str(error), do=COPY_AGAIN) from error
    check_finite(state, str(file))
    return state
