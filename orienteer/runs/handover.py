"""What a run hands over to one that continues it: its settings, all weights, moving averages and its optimiser's state."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from safetensors.torch import load, save
from torch import Tensor

from orienteer.encoders.states import check_finite
from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.runs.checkpoints import PretrainingState, check_run, read_checkpoint
from orienteer.runs.folder import CONFIG_FILE, last_checkpoint, read_settings
from orienteer.runs.hub import local_copy
from orienteer.runs.hub_folder import checked_file, read_hub_card
from orienteer.runs.network import build_network, parameter_names
from orienteer.runs.records import run_fingerprint
from orienteer.runs.run_config import RunConfig, make_run_config, read_config
from orienteer.runs.split import read_split

STATE_FILE, SETTINGS_FILE = "pretraining.safetensors", "pretraining.json"
"""What `orienteer push --whole` writes beside the encoder."""

OF_PLACE = (
    *("scans", "out", "store", "include", "exclude", "frame", "skip_audited", "group_by", "probe", "weights", "resume"),
    *("continue_from", "continue_optimiser", "continue_schedule", "validate_every"),
    *("accelerator", "devices", "nodes", "workers", "prepare_workers", "watch", "logger"),
)
"""Settings of a run that belong to its scans, its machine, its length or its onlookers: they are not handed over."""

_DO = "name a run folder, or what `orienteer push --whole` wrote; for the encoder alone use --weights"


class _Whole(TypedDict):
    step: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class Handover:
    """What a run hands over.

    Attributes:
        before: its settings.
        step: optimiser steps that it was trained for.
        state: every tensor of its training: ``network.``, ``teacher.`` and ``averaged.``.
        moments: of its optimiser, by the name of the weight.
        sha256: of the file that holds the tensors.
    """

    before: RunConfig
    step: int
    state: dict[str, Tensor]
    moments: dict[str, dict[str, Any]]
    sha256: str


def read_handover(path: str | Path) -> Handover:
    """Returns what a run hands over.

    Args:
        path: a run folder, or what ``push --whole`` wrote, in a folder or on the hub.

    Raises:
        InputError: there is no whole checkpoint, or one of another run; a file that was changed.
    """
    place = local_copy(path, (STATE_FILE, SETTINGS_FILE))
    handed = _of_run(place) if _is_run(place) else _pushed(place)
    check_finite({name: tensor for name, tensor in handed.state.items() if name.startswith("network.")}, str(path))
    return handed


def handover_settings(path: str | Path) -> dict[str, Any]:
    """Returns the settings that a run hands over, plain values by name.

    Raises:
        InputError: no run there, or a damaged one.
    """
    place = local_copy(path, (STATE_FILE, SETTINGS_FILE))
    settings = read_settings(place) if _is_run(place) else _settings(place)["settings"]
    return {name: value for name, value in settings.items() if name not in OF_PLACE}


def handover_sha256(path: str | Path) -> str:
    """Returns the checksum of the file that holds the tensors.

    Raises:
        InputError: there is none.
    """
    place = local_copy(path, (STATE_FILE, SETTINGS_FILE))
    file = last_checkpoint(place) if _is_run(place) else place / STATE_FILE
    if not file.is_file():
        raise InputError("continue", wanted=f"a run with {file.name}", got=f"{path}, which has none", do=_DO)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def handover_files(folder: Path) -> dict[str, bytes]:
    """Returns the files with which others can continue a run, by name. Nothing in them names a place or a scan.

    Raises:
        InputError: the run has no whole checkpoint.
    """
    handed = read_handover(folder)
    tensors = {f"state/{name}": tensor for name, tensor in handed.state.items()}
    tensors |= {f"{key}/{name}": value for name, moments in handed.moments.items() for key, value in moments.items()}
    blob = save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()})
    settings = {name: value for name, value in handed.before.to_dict().items() if name not in OF_PLACE}
    text = json.dumps({"step": handed.step, "settings": settings}, indent=2) + "\n"
    return {STATE_FILE: blob, SETTINGS_FILE: text.encode()}


def _is_run(place: Path) -> bool:
    return (place / CONFIG_FILE).is_file() or not (place / "config.json").is_file()


def _of_run(folder: Path) -> Handover:
    before, (training, heldout) = read_config(folder), read_split(folder)
    file, sha256 = last_checkpoint(folder), handover_sha256(folder)
    content = read_checkpoint(file, form=PretrainingState)
    check_run(content, file, run_fingerprint([*training, *heldout], before.seed, before.steps), _DO)
    saved = content.get("optimizer_states") or [{}]
    names = [name for group in parameter_names(build_network(before)) for name in group]
    numbered = saved[0].get("state", {})
    moments = {names[number]: state for number, state in numbered.items() if number < len(names)}
    return Handover(before, int(content["global_step"]), dict(content["state_dict"]), moments, sha256)


def _settings(folder: Path) -> _Whole:
    read_hub_card(folder)
    checked_file(folder, SETTINGS_FILE, _DO)
    whole: _Whole = read_json(folder / SETTINGS_FILE, _Whole)
    return whole


def _pushed(folder: Path) -> Handover:
    whole = _settings(folder)
    blob = checked_file(folder, STATE_FILE, _DO)
    state: dict[str, Tensor] = {}
    moments: dict[str, dict[str, Any]] = {}
    for key, tensor in load(blob).items():
        kind, _, name = key.partition("/")
        if kind == "state":
            state[name] = tensor
        else:
            moments.setdefault(name, {})[kind] = tensor
    before = make_run_config(whole["settings"], SETTINGS_FILE)
    return Handover(before, whole["step"], state, moments, hashlib.sha256(blob).hexdigest())


def of_parts(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors under a prefix, by their names without it.

    Example:
        >>> import torch
        >>> of_parts("network.", {"network.a": torch.ones(1), "teacher.a": torch.zeros(1)})
        {'a': tensor([1.])}
    """
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
