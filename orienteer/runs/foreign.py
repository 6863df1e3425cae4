"""Files of weights that others wrote: reading their tensors without running code from them, and which encoder they are of."""

import codecs
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from orienteer.encoders.adapters import Settings, adapter_of
from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.runs.card import CARD_FILE, card_file
from orienteer.runs.hub_folder import MODEL_FILE

PLAN_FILE, NNSSL_FILE = "adaptation_plan.json", "checkpoint_final.pth"
"""Names that nnssl gives to what a fine-tuning needs, and to the checkpoint beside it."""

OWN_FILE = "encoder.safetensors"

ENDINGS = (".pt", ".pth", ".ckpt", ".bin", ".model", ".tar", ".safetensors")
"""Of files of weights."""

WHERE = ("network_weights", "state_dict", "net", "model", "model_state_dict", "teacher", "student")
"""Keys under which checkpoints hold their tensors, the first that is there before the others."""

RES_ENC_L = {"features": [32, 64, 128, 256, 320, 320], "blocks": [1, 3, 4, 6, 6, 6]}
"""What nnssl calls ResEncL, and its variant without skips, whose encoder is the same."""

_DAMAGED = (RuntimeError, EOFError, OSError, LookupError, TypeError, ValueError, SafetensorError)


@dataclass(frozen=True)
class Foreign:
    """A file of weights that others wrote.

    Attributes:
        file: the file.
        state: its tensors by name.
        settings: the encoder that they are of; None where names and shapes do not tell.
    """

    file: Path
    state: dict[str, Tensor]
    settings: Settings | None


def is_foreign(place: Path) -> bool:
    """Returns whether a place holds weights of others: a file of weights without a card of ours, or a folder of nnssl's."""
    if place.is_dir():
        return not (place / CARD_FILE).is_file() and (place / NNSSL_FILE).is_file()
    ours = place.name == OWN_FILE or (place.name == MODEL_FILE and card_file(place.parent).is_file())
    return place.suffix in ENDINGS and not ours


def read_foreign(place: Path) -> Foreign:
    """Returns the tensors of a file of others, and the encoder that they are of.

    Args:
        place: the file, or the folder of a checkpoint of nnssl.

    Raises:
        InputError: no such file, one that is cut short, that holds code or no tensors, or a network that no encoder here is.
    """
    file = place / NNSSL_FILE if place.is_dir() else place
    if not file.is_file():
        raise InputError(str(file), wanted="a file of weights", got="no such file", do="check the path")
    content = _content(file)
    state = _state(content, file)
    plan = _plan(content, file)
    return Foreign(file, state, _planned(plan, file) if plan is not None else _described(state))


def _content(file: Path) -> Mapping[str, Any]:
    try:
        if file.suffix == ".safetensors":
            return load(file.read_bytes())
        with torch.serialization.safe_globals(_numpy_numbers()):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise _damaged(file, error) from error
        do = "where you trust it, load it once and save its tensors alone: torch.save(content['state_dict'], NEW)"
        got = f"one that holds {named[1]} too, which could run code"
        raise InputError(str(file), wanted="a file of tensors and plain values", got=got, do=do) from error
    except _DAMAGED as error:
        raise _damaged(file, error) from error
    return content if isinstance(content, Mapping) else {}


def _numpy_numbers() -> list[Any]:
    """Returns what numpy writes its numbers with, under old names too: training logs beside the weights hold such numbers."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")}
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *kinds, codecs.encode]


def _damaged(file: Path, error: Exception) -> InputError:
    got = f"one that is cut short or damaged ({type(error).__name__})"
    return InputError(str(file), wanted="a whole file of weights", got=got, do="copy or fetch it again")


def _state(content: Mapping[str, Any], file: Path) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint, wherever it holds them."""
    tables = [content, *(content[key] for key in WHERE if key in content)]
    tables += [value for key, value in content.items() if key not in WHERE]
    for table in tables:
        if isinstance(table, Mapping) and table and all(isinstance(name, str) for name in table):
            tensors = {name: tensor for name, tensor in table.items() if isinstance(tensor, Tensor)}
            if len(tensors) > len(table) / 2:
                return tensors
    got = f"none among {', '.join(map(str, list(content)[:5])) or 'its content'}"
    do = "name a checkpoint or a state dict"
    raise InputError(str(file), wanted="tensors by name", got=got, do=do)


def _plan(content: Mapping[str, Any], file: Path) -> Mapping[str, Any] | None:
    """Returns the adaptation plan of a checkpoint of nnssl, which lies in it or beside it."""
    plan = content.get("nnssl_adaptation_plan")
    beside = file.with_name(PLAN_FILE)
    if plan is None and file.name == NNSSL_FILE and beside.is_file():
        plan = read_json(beside)
    return plan if isinstance(plan, Mapping) else None


def _planned(plan: Mapping[str, Any], file: Path) -> Settings:
    """Returns the encoder that an adaptation plan describes, its axes in our order.

    Raises:
        InputError: a network that no encoder here is, or a damaged plan.
    """
    what = f"{PLAN_FILE} of {file}"
    try:
        architecture = plan["architecture_plans"]
        name, arguments = str(architecture["arch_class_name"]).rpartition(".")[2], architecture["arch_kwargs"]
        if name in ("ResEncL", "NoSkipResEncL"):
            return "residual", dict(RES_ENC_L)
        if name in ("ResidualEncoderUNet", "PlainConvUNet"):
            return _dynamic(name, arguments)
    except (LookupError, TypeError, ValueError) as error:
        got, do = f"one without {error}", "copy or fetch it again"
        raise InputError(what, wanted="a plan that nnssl wrote", got=got, do=do) from error
    do = "use a checkpoint of one of these"
    raise InputError(what, wanted="ResEncL, ResidualEncoderUNet or PlainConvUNet", got=name, do=do)


def _dynamic(name: str, arguments: Mapping[str, Any]) -> Settings:
    """Returns the encoder of a network that the plan lays out stage by stage."""
    kernels = [_reversed(kernel) for kernel in arguments["kernel_sizes"]]
    strides = [_reversed(step) for step in arguments["strides"]]
    features, axes = list(arguments["features_per_stage"]), {"kernel_size": kernels, "strides": strides}
    if name == "PlainConvUNet":
        return "dynunet", {"filters": features, **axes}
    blocks = arguments["n_blocks_per_stage"]
    return "residual", {"features": features, "blocks": list(blocks), **axes}


def _reversed(per_axis: Any) -> list[int]:
    triple = [per_axis] * 3 if isinstance(per_axis, int) else list(per_axis)
    return [int(value) for value in reversed(triple)]


def _described(state: Mapping[str, Tensor]) -> Settings | None:
    adapter = adapter_of(state)
    try:
        return None if adapter is None else adapter.settings(state)
    except (LookupError, StopIteration, ValueError):
        return None
