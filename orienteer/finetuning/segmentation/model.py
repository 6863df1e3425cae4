"""SegmentationModel: a trained segmentation network with what it needs to be used on a scan, saved and loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from orienteer.encoders.states import check_before_building
from orienteer.encoders.target import build_target
from orienteer.finetuning.model_files import COPY_AGAIN, MODEL_FILE, read_model, write_model
from orienteer.finetuning.segmentation.network import Segmenter, load_unique, unique_state
from orienteer.runs.recipe import preparation_of, recipe_facts
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.types import Triple


@dataclass(frozen=True)
class SegmentationModel:
    """A segmentation network with what it needs to be used on a scan.

    Attributes:
        network: on `device`.
        classes: names by label value, in the order of the network's outputs.
        patch_size: of the sliding window, voxels.
        overlap: of neighbouring windows, as a share of their size.
        preparation: how scans are prepared.
        selection: how files are read.
        device: where the network is.
        sha256: of the weights file; empty before it is saved.
    """

    network: Segmenter
    classes: dict[int, str]
    patch_size: Triple
    overlap: float
    preparation: Preparation
    selection: Selection
    device: torch.device
    sha256: str = ""


def save_segmentation(folder: Path, model: SegmentationModel, facts: Mapping[str, Any]) -> None:
    """Writes model.safetensors and model.json, each whole or not at all.

    Args:
        facts: entries of model.json on the encoder and the training.
    """
    card = {
        "target": model.network.target,
        "target_arguments": model.network.arguments,
        "classes": {str(value): name for value, name in model.classes.items()},
        "patch_size": list(model.patch_size),
        "overlap": model.overlap,
        "modality": model.selection.modality,
        **recipe_facts(model.preparation),
        **facts,
    }
    write_model(folder, "segmentation", unique_state(model.network.network), card)


def load_segmentation(folder: str | Path, device: torch.device | str = "cpu") -> SegmentationModel:
    """Returns the model of a fine-tuning, in eval mode.

    Raises:
        InputError: a missing, cut or changed file, a model of another task, or weights that do not fit the network that
            model.json names.
    """
    file = str(Path(folder, MODEL_FILE))
    card, state = read_model(Path(folder), "segmentation")
    check_before_building(
        lambda: build_target(card["target"], card["target_arguments"]),
        card["target_arguments"],
        state,
        file,
        COPY_AGAIN,
    )
    network = Segmenter(card["target"], card["target_arguments"])
    load_unique(network.network, state, file)
    size0, size1, size2 = card["patch_size"]
    return SegmentationModel(
        network=network.to(device).eval(),
        classes={int(value): name for value, name in card["classes"].items()},
        patch_size=(size0, size1, size2),
        overlap=card["overlap"],
        preparation=replace(preparation_of(card), crop_to_body=False),  # older cards do not mention the crop
        selection=Selection(modality=card["modality"]),
        device=torch.device(device),
        sha256=card["sha256"],
    )
