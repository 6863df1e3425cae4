"""The methods of a comparison, each with its settings resolved, all with the same network and the same views."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.reserved import FINETUNE_RESERVED, NETWORK, PRETRAIN_IDLE, PRETRAIN_RESERVED, SHARED
from orienteer.encoders import can_decode
from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.config import make_config as make_finetune_config
from orienteer.methods import METHODS, task_config
from orienteer.pretraining.resolve import resolve_config
from orienteer.runs.config import make_config as make_pretrain_config
from orienteer.runs.run_config import RunConfig
from orienteer.runs.weights import SCRATCH

QUICK: dict[str, Any] = {"workers": 0, "prepare_workers": 0, "pictures": False}
"""Defaults of settings that take time and change no result."""

NO_READER: dict[str, Any] = {"header_steps": 0}
"""A header reader is trained after the encoder, and no measurement of a comparison asks it."""


@dataclass(frozen=True)
class Contender:
    """A method of the comparison.

    Attributes:
        name: in the table.
        method: a key of METHODS, or ``scratch``.
        config: of its pretraining, complete; where it is ``scratch``, only the network's settings matter.
        finetune: its changes to the settings of fine-tuning.
        choices: settings of fine-tuning to choose from, complete but for run, data, seed and fraction; one where nothing
            is selected.
    """

    name: str
    method: str
    config: RunConfig
    finetune: Mapping[str, Any]
    choices: tuple[FinetuneConfig, ...]

    @property
    def trained(self) -> bool:
        """Whether it is pretrained at all."""
        return self.method != SCRATCH

    def deciding(self) -> dict[str, Any]:
        """Returns all settings that decide the result of its pretraining, except scans and seed."""
        plain = self.config.to_dict()
        if not self.trained:
            return {"method": SCRATCH, **{key: plain[key] for key in NETWORK}}
        method = self.config.run_method
        tasks = {
            name: {"weight": use.weight, "pull": use.pull, "options": asdict(task_config(name, use))}
            for name, use in sorted(method.tasks.items())
        }
        # The method's name and the changes to it do not matter, only the settings that result from them.
        kept = {
            key: value for key, value in plain.items() if key not in PRETRAIN_IDLE | {"method", "tasks", "only_tasks"}
        }
        return {**kept, "tasks": tasks}


def resolve(config: CompareConfig, scans: str) -> list[Contender]:
    """Returns the methods in the order asked for, with ``scratch`` among them.

    Args:
        scans: folder of the scans to pretrain on.

    Raises:
        InputError: an unknown method, or an impossible setting.
    """
    _refuse_reserved("pretrain", config.pretrain, PRETRAIN_RESERVED | {"method"})
    _refuse_reserved("finetune", config.finetune, FINETUNE_RESERVED)
    _refuse_reserved("select", config.select, FINETUNE_RESERVED)
    common = {**QUICK, **NO_READER, **config.pretrain, "scans": scans}
    base = resolve_config(make_pretrain_config(common), shown=False).config
    shared = {key: getattr(base, key) for key in SHARED}
    names = [*config.methods, *config.define]
    if SCRATCH not in names:
        names.insert(0, SCRATCH)
    contenders = [_contender(name, config, common, shared) for name in dict.fromkeys(names)]
    known = [contender.name for contender in contenders]
    for against in config.against:
        if against not in known:
            wanted = f"methods among {', '.join(known)}"
            raise InputError("against", wanted=wanted, got=repr(against), do="use these names only")
    return contenders


def finetune_choices(config: CompareConfig, changes: Mapping[str, Any]) -> tuple[FinetuneConfig, ...]:
    """Returns every combination of the values in ``select``, on top of the common settings and a method's changes.

    Raises:
        InputError: an unknown setting or an impossible value.

    Example:
        >>> config = CompareConfig(finetune={"steps": 9}, select={"learning_rate": [0.1, 0.01]})
        >>> [(choice.steps, choice.learning_rate) for choice in finetune_choices(config, {})]
        [(9, 0.1), (9, 0.01)]
    """
    common = {**QUICK, "save_every": 10**9, **config.finetune, **changes}
    grid = [dict(zip(config.select, values, strict=True)) for values in itertools.product(*config.select.values())]
    return tuple(make_finetune_config({**common, **chosen}) for chosen in grid)


def _contender(name: str, config: CompareConfig, common: Mapping[str, Any], shared: Mapping[str, Any]) -> Contender:
    changes = dict(config.define.get(name, {}))
    finetune = changes.pop("finetune", {})
    method = str(changes.pop("method", name))
    if method not in METHODS and method != SCRATCH:
        wanted = f"one of {', '.join([SCRATCH, *METHODS, *config.define])}"
        do = "use one of these names, or define it: define: {name: {method: ..., ...}}"
        raise InputError("methods", wanted=wanted, got=repr(method), do=do)
    _refuse_reserved(f"define.{name}", changes, PRETRAIN_RESERVED)
    _refuse_reserved(f"define.{name}.finetune", finetune, FINETUNE_RESERVED)
    choices = finetune_choices(config, finetune)
    settings = _pretrain_settings(method, changes, common, shared)
    try:
        planned = resolve_config(make_pretrain_config(settings), shown=False).config
    except InputError as error:
        what = error.what if name == method else f"define.{name}: {error.what}"
        raise InputError(what, wanted=error.wanted, got=error.got, do=error.do) from error
    return Contender(name, method, planned, finetune, choices)


def _pretrain_settings(
    method: str, changes: Mapping[str, Any], common: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the settings of a method's pretraining; with another encoder, only the shared voxel size remains."""
    kept = {key: value for key, value in shared.items() if not ("encoder" in changes and key != "spacing_mm")}
    settings = {**common, **kept, **changes}
    if method != SCRATCH:
        settings["method"] = method
    if "encoder_arguments" in kept and "encoder_arguments" not in changes:
        settings["encoder_arguments"] = _arguments(settings, method, common)
    return settings


def _arguments(settings: Mapping[str, Any], method: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of the shared network; each method decides whether its decoder is pretrained too.

    A network without pretraining has no pretrained decoder: its frozen features are the encoder's.
    """
    arguments = dict(settings["encoder_arguments"])
    if "decoder" in common.get("encoder_arguments", {}) or not can_decode(settings["encoder"]):
        return arguments
    arguments.pop("decoder", None)
    return {**arguments, "decoder": False} if method == SCRATCH else arguments


def _refuse_reserved(where: str, settings: Mapping[str, Any], reserved: set[str]) -> None:
    for key in settings:
        if key in reserved:
            do = "leave it out: the comparison sets it"
            raise InputError(f"{where}.{key}", wanted="a setting that is free", got="a reserved one", do=do)
