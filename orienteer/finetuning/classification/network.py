"""A classifier of scans: an encoder, the mean of its last level over the cells and views of a scan, and a linear layer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.files import write_bytes, write_json
from orienteer.finetuning.model_files import FORMAT, MODEL_CARD, MODEL_FILE, read_model_card
from orienteer.types import Images, Triple


class Classifier(nn.Module):
    """Gives the logits of a scan from any number of its views.

    Args:
        encoder: its weights are trained with the rest, as far as the schedule lets them.
        classes: how many there are.
        seed: decides the weights of the new layer.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder, self.norm = encoder, nn.LayerNorm(encoder.channels[-1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linear = nn.Linear(encoder.channels[-1], classes)

    def forward(self, images: Images) -> Float[Tensor, "scans classes"]:
        """Returns logits from view sets ``(scans, views, 1, size0, size1, size2)``."""
        vectors = self.vectors(rearrange(images, "scans views ... -> (scans views) ..."))
        return self.logits(rearrange(vectors, "(scans views) channels -> scans views channels", scans=len(images)))

    def vectors(self, views: Float[Tensor, "views 1 size0 size1 size2"]) -> Float[Tensor, "views channels"]:
        """Returns one vector per view."""
        return self.encoder(views)[-1].mean(dim=(2, 3, 4))

    def logits(self, vectors: Float[Tensor, "scans views channels"]) -> Float[Tensor, "scans classes"]:
        """Returns logits from the vectors of all views of each scan."""
        return self.linear(self.norm(vectors.mean(1)))

    def levels(self) -> dict[str, int]:
        """Returns the encoder level of each of the encoder's parameters, by name."""
        places = {
            id(parameter): level
            for level, stage in reversed(list(enumerate(self.encoder.stages())))
            for parameter in stage.parameters()
        }
        # Weights that belong to no stage (a position embedding) count as the first layer.
        own = self.encoder.named_parameters()
        return {f"encoder.{name}": places.get(id(parameter), 0) for name, parameter in own}


@dataclass(frozen=True)
class ClassifierModel:
    """A trained classifier and what new scans need before it sees them; ``card`` is its model.json."""

    network: Classifier
    classes: tuple[str, ...]
    view_size: Triple
    card: dict[str, Any]


def save_classifier(
    folder: Path, network: Classifier, classes: tuple[str, ...], view_size: Triple, facts: Mapping[str, Any]
) -> None:
    """Writes ``model.safetensors`` and ``model.json``, each whole or not at all."""
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    blob = save(state)
    card = {
        "format": FORMAT,
        "task": "classification",
        "encoder": network.encoder.family,
        "arguments": dict(network.encoder.arguments),
        "classes": list(classes),
        "view_size": list(view_size),
        **facts,
        "licence": "unknown: set it before you share the weights; it depends on the scans",
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    write_bytes(folder / MODEL_FILE, blob)
    write_json(folder / MODEL_CARD, card)


def load_classifier(folder: str | Path) -> ClassifierModel:
    """Returns the classifier of a fine-tuning, in eval mode.

    Raises:
        InputError: a missing, cut or changed file, a model of another task, or weights that do not fit.
    """
    folder = Path(folder)
    card, file = read_model_card(folder), folder / MODEL_FILE
    if card.get("task") != "classification":
        got = f"one of task {card.get('task')!r}"
        raise InputError(str(folder), wanted="the folder of a classification", got=got, do="name another folder")
    blob = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise InputError(
            str(file),
            wanted="the weights that model.json describes",
            got="a file that is cut short or was changed" if blob else "no such file",
            do="copy both files again from the folder of the fine-tuning",
        )
    size0, size1, size2 = card["view_size"]
    with torch.random.fork_rng(devices=[]):
        encoder = build_encoder(card["encoder"], (size0, size1, size2), **card["arguments"])
        network = Classifier(encoder, len(card["classes"]), seed=0)
    try:
        network.load_state_dict(load(blob))
    except (RuntimeError, SafetensorError) as error:
        got = str(error).splitlines()[0]
        do = "copy both files again from the folder of the fine-tuning"
        raise InputError(str(file), wanted="weights of the network in model.json", got=got, do=do) from error
    return ClassifierModel(network.eval(), tuple(card["classes"]), (size0, size1, size2), card)
