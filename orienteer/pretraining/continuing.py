"""Continuing a run in a new folder: on other scans, with other settings, with a new schedule. The run stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orienteer.errors import InputError
from orienteer.pretraining.module import Pretraining
from orienteer.runs.began import Began
from orienteer.runs.config import PretrainConfig
from orienteer.runs.handover import OF_PLACE, handover_settings, handover_sha256, of_parts, read_handover
from orienteer.runs.hub import is_address
from orienteer.runs.network import Network, parameter_names
from orienteer.runs.run_config import RunConfig
from orienteer.settings import plain

OF_METHOD = ("tasks", "only_tasks", "views", "layout", "distortion", "teacher")
"""Settings that another method brings with it."""


@dataclass(frozen=True)
class Continued:
    """What a run that is continued hands over, as far as it fits.

    Attributes:
        before: its settings.
        step: optimiser steps that it was trained for.
        sha256: of its checkpoint.
        state: tensors of the network by name: the encoder, and the tasks that are the same.
        teacher: tensors of the moving average of its encoder; empty without one.
        averaged: tensors of the moving average of its network that are among ``state``; empty without one.
        moments: of its optimiser, by the name of the weight; empty if the optimiser begins anew.
        tasks: names of the tasks that continue.
        anew: why others begin anew, by name.
        dropped: tasks that the run had and this one has not.
    """

    before: RunConfig
    step: int
    sha256: str
    state: dict[str, Tensor]
    teacher: dict[str, Tensor]
    averaged: dict[str, Tensor]
    moments: dict[str, dict[str, Any]]
    tasks: tuple[str, ...]
    anew: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def fill(self, network: Network) -> None:
        """Replaces the initial weights of a network."""
        network.load_state_dict(self.state, strict=False)

    def fill_averages(self, module: Pretraining) -> None:
        """Replaces the moving averages of a training, and gives it the state of the optimiser."""
        with torch.no_grad():
            for average, state in ((module.teacher, self.teacher), (module.averaged, self.averaged)):
                if average is not None and state:
                    average.module.load_state_dict(state, strict=False)
                    average.n_averaged.fill_(1)  # from here on it moves, and is not set to the weights
        module.carried_moments = self.moments


def with_continued(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run that continues another: those that were given, and else those of the other.

    Args:
        given: settings by name; without ``continue_from`` they stay as they are.

    Raises:
        InputError: no run there, or another encoder than its own is asked for.
    """
    if given.get("continue_from") is None:
        return dict(given)
    run = str(given["continue_from"])
    before = handover_settings(run)
    if given.get("method", before.get("method")) != before.get("method"):
        before = {name: value for name, value in before.items() if name not in OF_METHOD}
    tasks = {**before.get("tasks", {})}
    for name, changes in dict(given.get("tasks") or {}).items():
        tasks[name] = {**tasks.get(name, {}), **changes}
    _check_encoder(given, before, run)
    settings = {**before, **given, **({"tasks": tasks} if tasks else {})}
    return {name: value for name, value in settings.items() if value is not None}


def _check_encoder(given: Mapping[str, Any], before: Mapping[str, Any], run: str) -> None:
    arguments = {**before.get("encoder_arguments", {}), **(given.get("encoder_arguments") or {})}
    same = given.get("encoder", before.get("encoder")) in ("auto", before.get("encoder"))
    if not same or arguments != before.get("encoder_arguments", {}):
        wanted = f"the encoder '{before.get('encoder')}' of {run_name(run)} with {before.get('encoder_arguments')}"
        got = f"'{given.get('encoder', before.get('encoder'))}' with {arguments}"
        raise InputError("encoder", wanted=wanted, got=got, do="leave it out, or start a new run")
    if given.get("weights") is not None:
        got = "--continue and --weights"
        raise InputError("weights", wanted="one start", got=got, do="use one of them")


def read_continued(config: RunConfig, network: Network) -> Continued:
    """Returns what the run hands over to a network of other settings.

    Args:
        config: the settings of the new run.
        network: its network.

    Raises:
        InputError: the run has no whole checkpoint, or one of another run.
    """
    handed = read_handover(str(config.continue_from))
    state = of_parts("network.", handed.state)
    fitting, tasks, anew = _fitting(network, state, str(config.continue_from))
    averaged = {name: tensor for name, tensor in of_parts("averaged.module.", handed.state).items() if name in fitting}
    trained = {name for group in parameter_names(network) for name in group} & fitting.keys()
    moments = {name: handed.moments[name] for name in trained & handed.moments.keys()}
    return Continued(
        handed.before,
        handed.step,
        handed.sha256,
        fitting,
        of_parts("teacher.module.", handed.state),
        averaged,
        moments if config.continue_optimiser else {},
        tasks,
        anew,
        tuple(sorted({name.split(".")[1] for name in state if name.startswith("tasks.")} - {*network.tasks_by_name})),
    )


def check_same_run(config: RunConfig, began: Began) -> None:
    """Checks that the run that is continued is what it was when this one began: its first checkpoint is not written yet.

    Raises:
        InputError: the run was trained further or replaced.
    """
    if began.checkpoint_sha256 and handover_sha256(str(config.continue_from)) != began.checkpoint_sha256:
        got, do = "another one: it was trained further, or replaced", "start again in another --out"
        raise InputError(str(config.continue_from), wanted="the checkpoint that this run began with", got=got, do=do)


def _fitting(
    network: Network, state: Mapping[str, Tensor], file: str
) -> tuple[dict[str, Tensor], tuple[str, ...], dict[str, str]]:
    """Returns the tensors that fit, the tasks whose weights all fit, and the reason for each other task.

    Raises:
        InputError: the encoder does not fit.
    """
    encoder = _part("encoder", network.encoder, state)
    if isinstance(encoder, str):
        wanted = f"the weights of encoder '{network.encoder.family}'"
        raise InputError(file, wanted=wanted, got=encoder, do="use the view size and encoder of the run")
    fitting, tasks, anew = dict(encoder), [], {}
    for name, task in network.tasks_by_name.items():
        part = _part(f"tasks.{name}", task, state)
        if isinstance(part, str):
            anew[name] = part
        else:
            fitting |= part
            tasks.append(name)
    return fitting, tuple(tasks), anew


def _part(name: str, module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor] | str:
    """Returns the tensors of a part of the network, or why they do not fit."""
    theirs = {key: tensor for key, tensor in state.items() if key.startswith(f"{name}.")}
    wanted = {f"{name}.{key}": tensor.shape for key, tensor in module.state_dict().items()}
    if not theirs and wanted:
        return "the run did not have it"
    odd = sorted(
        key for key in wanted.keys() | theirs.keys() if getattr(theirs.get(key), "shape", None) != wanted.get(key)
    )
    return f"other layers: {odd[0].removeprefix(f'{name}.')}" if odd else theirs


def changes(continued: Continued, config: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Returns the settings that differ from those of the run before, each with its value then and now."""
    then, now = plain(continued.before), plain(config)
    left_out = {*OF_PLACE, "tasks", "only_tasks", "audit_rules", "pictures", "log_every"}
    return {
        name: (then.get(name), value) for name, value in now.items() if name not in left_out and then.get(name) != value
    }


def run_name(run: str) -> str:
    """Returns the name of a run that is continued, without the folders of this machine."""
    return run if is_address(run) else Path(run).name


def in_words(continued: Continued, config: RunConfig, known: int | None, scans: int) -> str:
    """Returns what continues, what begins anew and what changed, for a person.

    Args:
        continued: what was handed over.
        config: the settings of this run.
        known: scans of this run that the run before had too; None where its scans are not known.
        scans: all scans of this run.
    """
    name = run_name(str(config.continue_from))
    optimiser = f"the optimiser's state of {len(continued.moments)} weights" if continued.moments else ""
    averages = [
        word for word, state in (("teacher", continued.teacher), ("averaged weights", continued.averaged)) if state
    ]
    tasks = f"tasks {', '.join(continued.tasks)}" if continued.tasks else ""
    carried = ["encoder", tasks, *kept(config, averages), optimiser]
    lines = [f"continues {name} after {continued.step} steps: {', '.join(filter(None, carried))}"]
    lines += [f"  anew: task {task} ({why})" for task, why in continued.anew.items()]
    lines += [f"  left behind: task {task}" for task in continued.dropped]
    lines += [] if optimiser else ["  anew: the optimiser"]
    lines.append(f"  schedule: {schedule_in_words(continued, config)}")
    seen = "which of them it had seen is not known" if known is None else f"{known} of them known to {name}"
    lines.append(f"  scans: {scans}, {seen}")
    lines += [f"  {key}: {then} -> {now}" for key, (then, now) in changes(continued, config).items()]
    return "\n".join(lines)


def kept(config: PretrainConfig, averages: list[str]) -> list[str]:
    """Returns which moving averages this run has too."""
    wanted = {"teacher": bool(config.teacher), "averaged weights": config.weight_averaging > 0}
    return [average for average in averages if wanted[average]]


def schedule_in_words(continued: Continued, config: RunConfig) -> str:
    """Returns how the learning rate continues."""
    if config.continue_schedule == "longer":
        return f"that of one run of {continued.step + config.steps} steps, from step {continued.step} on"
    return f"a new one of {config.steps} steps"
