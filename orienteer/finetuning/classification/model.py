"""ClassifierModel: a trained classifier with what it needs to be used on a scan, saved and loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from orienteer.encoders import build_encoder
from orienteer.encoders.states import check_before_building, load_state
from orienteer.finetuning.classification.network import Classifier
from orienteer.finetuning.model_files import (
    COPY_AGAIN,
    MODEL_FILE,
    read_model,
    write_model,
)
from orienteer.runs.recipe import preparation_of, recipe_facts
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.types import Triple


@dataclass(frozen=True)
class ClassifierModel:
    """A classifier with what it needs to be used on a scan.

    Attributes:
        network: the classifier.
        classes: names, in the order of the network's outputs.
        view_size: of the views of a scan, voxels.
        overlap: of neighbouring views, as a share of their size.
        preparation: how scans are prepared.
        selection: how files are read.
        sha256: of the weights file; empty before it is saved.
    """

    network: Classifier
    classes: tuple[str, ...]
    view_size: Triple
    overlap: float
    preparation: Preparation
    selection: Selection
    sha256: str = ""


def save_classifier(folder: Path, model: ClassifierModel, facts: Mapping[str, Any]) -> None:
    """Writes model.safetensors and model.json, each whole or not at all.

    Args:
        facts: entries of model.json on the training.
    """
    card = {
        "encoder": model.network.encoder.family,
        "arguments": dict(model.network.encoder.arguments),
        "classes": list(model.classes),
        "view_size": list(model.view_size),
        "overlap": model.overlap,
        "modality": model.selection.modality,
        **recipe_facts(model.preparation),
        **facts,
    }
    write_model(folder, "classification", model.network.state_dict(), card)


def load_classifier(folder: str | Path) -> ClassifierModel:
    """Returns the classifier of a fine-tuning, in eval mode.

    Raises:
        InputError: a missing, cut or changed file, a model of another task, or weights that do not fit the network that
            model.json names.
    """
    file = str(Path(folder, MODEL_FILE))
    card, state = read_model(Path(folder), "classification")
    size0, size1, size2 = card["view_size"]

    def build() -> Classifier:
        encoder = build_encoder(card["encoder"], (size0, size1, size2), **card["arguments"])
        return Classifier(encoder, len(card["classes"]), seed=0)

    numbers = {"view_size": card["view_size"], **card["arguments"]}
    with torch.random.fork_rng(devices=[]):
        check_before_building(build, numbers, state, file, COPY_AGAIN)
        network = build()
    load_state(network, state, file, "the weights of the network in model.json", COPY_AGAIN)
    return ClassifierModel(
        network=network.eval(),
        classes=tuple(card["classes"]),
        view_size=(size0, size1, size2),
        overlap=card["overlap"],
        preparation=preparation_of(card),
        selection=Selection(modality=card["modality"]),
        sha256=card["sha256"],
    )
