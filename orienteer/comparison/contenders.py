"""What takes part in a comparison: each method with its settings resolved, all with the same network and the same views."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orienteer.comparison.config import CompareConfig
from orienteer.encoders import can_decode
from orienteer.errors import InputError
from orienteer.finetuning.config import make_config as make_finetune_config
from orienteer.methods import METHODS, resolve_method, task_config
from orienteer.pretraining.resolve import resolve_config
from orienteer.runs.config import PretrainConfig, make_config
from orienteer.runs.weights import SCRATCH

PINNED = ("encoder", "encoder_arguments", "spacing_mm", "view_size", "unit_mm")
"""What is chosen from the scans once, so that all methods have the same."""

OWN = {"scans", "out", "store", "resume", "seed", "include", "exclude"}
"""Settings of a pretraining that belong to the comparison."""

OWN_FINETUNE = {
    "run",
    "start",
    "data",
    "images",
    "labels",
    "out",
    "task",
    "split",
    "folds",
    "fold",
    "fraction",
    "seed",
} | {*("store", "resume", "encoder", "encoder_arguments")}
"""Settings of a fine-tuning that belong to the comparison."""

QUICK: dict[str, Any] = {"workers": 0, "prepare_workers": 0, "pictures": False}
"""Defaults of what takes time and changes no figure."""

IDLE = {"scans", "out", "store", "resume", "seed", "include", "exclude"} | {
    *("workers", "devices", "nodes", "accelerator", "prepare_workers", "pictures", "log_every", "probe")
}
"""Settings of a pretraining that decide nothing, or are counted beside it."""

NETWORK = ("encoder", "encoder_arguments", "spacing_mm", "view_size", "unit_mm", "ct_window_hu", "mr_percentiles")
"""Settings that a network without pretraining has too."""


@dataclass(frozen=True)
class Contender:
    """A method as it takes part.

    Attributes:
        name: how the table calls it.
        method: a key of METHODS, or ``scratch``.
        config: of its pretraining; where it is ``scratch``, only what says how the network looks counts.
        finetune: what its fine-tunings change.
    """

    name: str
    method: str
    config: PretrainConfig
    finetune: Mapping[str, Any]

    @property
    def trained(self) -> bool:
        """Whether it is pretrained at all."""
        return self.method != SCRATCH

    def deciding(self) -> dict[str, Any]:
        """Returns all settings that decide what comes out of its pretraining, but for scans and seed."""
        plain = self.config.to_dict()
        if not self.trained:
            return {"method": SCRATCH, **{key: plain[key] for key in NETWORK}}
        method = resolve_method(self.method, self.config.tasks)
        tasks = {
            name: {"weight": use.weight, "pull": use.pull, "options": asdict(task_config(name, use))}
            for name, use in sorted(method.tasks.items())
        }
        # The names of the method and what was changed in it do not matter: what they come to does.
        kept = {key: value for key, value in plain.items() if key not in IDLE | {"method", "tasks"}}
        return {**kept, "tasks": tasks}


def resolve(config: CompareConfig, scans: str) -> list[Contender]:
    """Returns the methods in the order asked for, with ``scratch`` among them.

    Args:
        scans: folder of the scans to pretrain on.

    Raises:
        InputError: an unknown method, or a setting that cannot be.
    """
    _refuse("pretrain", config.pretrain, OWN | {"method"})
    _refuse("finetune", config.finetune, OWN_FINETUNE)
    _refuse("select", config.select, OWN_FINETUNE)
    common = {**QUICK, **config.pretrain, "scans": scans}
    base = resolve_config(make_config(common), shown=False).config
    pinned = {key: getattr(base, key) for key in PINNED}
    names = [*config.methods, *config.define]
    if SCRATCH not in names:
        names.insert(0, SCRATCH)
    found = [_contender(name, config, common, pinned) for name in dict.fromkeys(names)]
    for against in config.against:
        if against not in {contender.name for contender in found}:
            wanted = f"some of {', '.join(contender.name for contender in found)}"
            raise InputError("against", wanted=wanted, got=repr(against), do="mend the setting")
    return found


def _contender(name: str, config: CompareConfig, common: Mapping[str, Any], pinned: Mapping[str, Any]) -> Contender:
    own = dict(config.define.get(name, {}))
    finetune = own.pop("finetune", {})
    method = str(own.pop("method", name))
    if method not in METHODS and method != SCRATCH:
        wanted = f"one of {', '.join([SCRATCH, *METHODS, *config.define])}"
        do = "mend the name, or say under define what it means: {method: ..., ...}"
        raise InputError("methods", wanted=wanted, got=repr(method), do=do)
    _refuse(f"define.{name}", own, OWN)
    _refuse(f"define.{name}.finetune", finetune, OWN_FINETUNE)
    make_finetune_config({**config.finetune, **finetune})  # a value that cannot be stops here
    kept = {key: value for key, value in pinned.items() if not ("encoder" in own and key != "spacing_mm")}
    settings = {**common, **kept, **own}
    if method != SCRATCH:
        settings["method"] = method
    if "encoder_arguments" in kept and "encoder_arguments" not in own:
        settings["encoder_arguments"] = _with_own_decoder(settings, method, common)
    try:
        made = resolve_config(make_config(settings), shown=False).config
    except InputError as error:
        what = error.what if name == method else f"define.{name}: {error.what}"
        raise InputError(what, wanted=error.wanted, got=error.got, do=error.do) from error
    return Contender(name, method, made, finetune)


def _with_own_decoder(settings: Mapping[str, Any], method: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of the network that all have in common; whether its decoder learns too is up to the method.

    A network without pretraining has none to show: its frozen features are the encoder's.
    """
    arguments = dict(settings["encoder_arguments"])
    if "decoder" in common.get("encoder_arguments", {}) or not can_decode(settings["encoder"]):
        return arguments
    arguments.pop("decoder", None)
    return {**arguments, "decoder": False} if method == SCRATCH else arguments


def _refuse(where: str, settings: Mapping[str, Any], owned: set[str]) -> None:
    for key in settings:
        if key in owned:
            do = "leave it out: the comparison sets it"
            raise InputError(f"{where}.{key}", wanted="a setting that is free", got="one that is not", do=do)
