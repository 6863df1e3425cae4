"""The files that a fine-tuning hands over: model.safetensors, and model.json with all that is needed to use them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from orienteer.errors import InputError
from orienteer.files import write_bytes, write_json
from orienteer.finetuning.segmentation.network import Segmenter, load_unique, unique_state
from orienteer.runs.card_checks import check_values
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.types import Triple

MODEL_FILE, MODEL_CARD = "model.safetensors", "model.json"
FORMAT = 1
"""Version of these files. A file of a later version is refused rather than misread."""

_NEEDED = ("format", "task", "classes", "spacing_mm", "intensity", "modality", "overlap", "sha256")
_NEEDED_BY = {
    "segmentation": ("target", "target_arguments", "patch_size"),
    "classification": ("encoder", "arguments", "view_size"),
}


@dataclass(frozen=True)
class SegmentationModel:
    """A segmentation network with what it needs to be used on a scan.

    Attributes:
        network: in eval mode, on `device`.
        classes: names by label value, in the order of the network's outputs.
        patch_size: of the sliding window.
        overlap: of neighbouring windows.
        preparation: how scans are prepared.
        selection: how files are read.
        sha256: of the weights.
    """

    network: Segmenter
    classes: dict[int, str]
    patch_size: Triple
    overlap: float
    preparation: Preparation
    selection: Selection
    device: torch.device
    sha256: str = ""


def save_model(folder: Path, model: SegmentationModel, facts: Mapping[str, Any]) -> None:
    """Writes ``model.safetensors`` and ``model.json``, each whole or not at all."""
    state = unique_state(model.network.network)
    blob = save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()})
    preparation = model.preparation
    card = {
        "format": FORMAT,
        "task": "segmentation",
        "target": model.network.target,
        "target_arguments": model.network.arguments,
        "classes": {str(value): name for value, name in model.classes.items()},
        "patch_size": list(model.patch_size),
        "overlap": model.overlap,
        "spacing_mm": list(preparation.spacing_mm or ()),
        "axes": "RAS",
        "modality": model.selection.modality,
        "intensity": {
            "CT": {"window_hu": list(preparation.ct_window_hu), "to": [-1, 1]},
            "MR": {"percentiles_of_body": list(preparation.mr_percentiles), "to": [-1, 1]},
        },
        **facts,
        "licence": "unknown: set it before you share the weights; it depends on the scans",
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    write_bytes(folder / MODEL_FILE, blob)
    write_json(folder / MODEL_CARD, card)


def read_model_card(folder: Path) -> dict[str, Any]:
    """Returns model.json of a fine-tuning's folder.

    Raises:
        InputError: it is not there, not JSON, of a later version, or what is needed to use the weights is missing or wrong.
    """
    try:
        card = json.loads((folder / MODEL_CARD).read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            str(folder),
            wanted=f"a folder with {MODEL_FILE} and {MODEL_CARD}",
            got=f"none that can be read ({type(error).__name__})",
            do="name the folder that `orienteer finetune` wrote",
        ) from error
    known = card if isinstance(card, dict) else {}
    missing = [key for key in (*_NEEDED, *_NEEDED_BY.get(str(known.get("task")), ())) if key not in known]
    if missing:
        raise InputError(
            str(folder / MODEL_CARD),
            wanted="what `orienteer finetune` writes",
            got=f"no {', '.join(missing[:3])}",
            do="copy the file again from the folder of the fine-tuning",
        )
    if card["format"] != FORMAT:
        raise InputError(
            str(folder / MODEL_CARD), wanted=f"format {FORMAT}", got=str(card["format"]), do="install a newer orienteer"
        )
    check_values(folder / MODEL_CARD, card)
    return card


def load_model(folder: str | Path, device: torch.device | str = "cpu") -> SegmentationModel:
    """Returns the model of a fine-tuning, in eval mode.

    Raises:
        InputError: a missing, cut or changed file, or weights that do not fit the network that model.json names.
    """
    folder = Path(folder)
    card, file = read_model_card(folder), folder / MODEL_FILE
    if card.get("task") != "segmentation":
        got = f"one of task {card.get('task')!r}"
        do = "name another folder"
        raise InputError(str(folder), wanted="the folder of a segmentation", got=got, do=do)
    blob = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise InputError(
            str(file),
            wanted="the weights that model.json describes",
            got="no such file" if not blob else "a file that is cut short or was changed",
            do="copy both files again from the folder of the fine-tuning",
        )
    network = Segmenter(card["target"], card["target_arguments"])
    try:
        load_unique(network.network, load(blob), str(file))
    except SafetensorError as error:
        raise InputError(str(file), wanted="a safetensors file", got=str(error), do="copy it again") from error
    spacing, size = card["spacing_mm"], card["patch_size"]
    window, percentiles = card["intensity"]["CT"]["window_hu"], card["intensity"]["MR"]["percentiles_of_body"]
    return SegmentationModel(
        network=network.to(device).eval(),
        classes={int(value): name for value, name in card["classes"].items()},
        patch_size=(size[0], size[1], size[2]),
        overlap=card["overlap"],
        preparation=Preparation(
            spacing_mm=(spacing[0], spacing[1], spacing[2]),
            ct_window_hu=(window[0], window[1]),
            mr_percentiles=(percentiles[0], percentiles[1]),
            crop_to_body=False,
        ),
        selection=Selection(modality=card["modality"]),
        device=torch.device(device),
        sha256=card["sha256"],
    )
