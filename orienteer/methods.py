"""METHODS: named sets of tasks with weights and options, each with its views, teacher and encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.forms import misfit
from orienteer.settings import make_settings, plain, require
from orienteer.tasks import REMOVED_TASKS, TASKS
from orienteer.views.distort import NOTHING, Distortion
from orienteer.views.layout import BLOCK_VIEWS


@dataclass(frozen=True)
class TaskUse:
    """The use of one task in a method.

    Attributes:
        weight: weight of its losses in the sum.
        pull: share of its gradient that reaches the encoder, while its heads are trained with the full gradient. At 0
            the task is monitored only: it measures what the features contain, without any effect on them.
        options: fields of its Config that differ from the defaults.
    """

    weight: float = 1.0
    pull: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """What one run trains, and on which views.

    Attributes:
        about: one sentence for the report and the documentation.
        tasks: the tasks by name.
        views: number of views in a set, unless the user sets it.
        teacher: whether all views but the first are encoded by a moving average of the encoder.
        encoder: the encoder to train on a GPU, unless the user sets it.
        layout: relative placement of the views of a set, unless the user sets it.
        distortion: what is hidden or rearranged in views before the encoder sees them.
        decoder: whether its tasks use fine feature maps, so that the decoder is trained too, if the encoder has one.
    """

    about: str
    tasks: Mapping[str, TaskUse]
    views: int = 3
    teacher: bool = False
    encoder: str = "segresnet"
    layout: Literal["free", "pairs", "mixed", "block"] = "free"
    distortion: Distortion = NOTHING
    decoder: bool = False


_USE = ("weight", "pull")

SCALE: Mapping[str, Any] = {"scale": True}
"""The option of tasks that predict gaps to predict the scale of their errors too."""

LENGTHS: Mapping[str, Any] = {"miss": "length"}
"""The option of tasks that predict gaps whose loss keeps its gradient as errors become small."""

GRADED: Mapping[str, Any] = {"form": "graded"}
"""The option of `similarity` whose cosines follow the distance in mm."""

METHODS: dict[str, Method] = {
    "default": Method(
        about="gap, route, similarity and the position of every cell, beside place contrast and masked reconstruction",
        tasks={
            # A contrast of the usual weight would outweigh gaps, which are fractions of unit_mm.
            "reconstruction": TaskUse(options={"level": 1, "every": 2}),
            "place_contrast": TaskUse(weight=0.05, options={"level": 1, "places": 48, "pairs": 1}),
            "gap": TaskUse(weight=2.0, options={**SCALE, **LENGTHS}),
            "dense_gap": TaskUse(weight=2.0, options={**SCALE, **LENGTHS}),
            "similarity": TaskUse(options={"min_cells": 2, "width": 16, **GRADED}),
            "route": TaskUse(weight=2.0, options={"edges": "pair", **SCALE, **LENGTHS}),
        },
        views=4,
        encoder="dynunet",
        layout="mixed",
        distortion=Distortion(mask_share=0.4, mask_views=0.5),
    ),
    "spatial": Method(
        about="the paper's three tasks alone: gap and route with pair edges and their scale, graded similarity, no teacher",
        tasks={
            "gap": TaskUse(options=SCALE),
            "similarity": TaskUse(options=GRADED),
            "route": TaskUse(options={"edges": "pair", **SCALE}),
        },
        views=4,
    ),
    "paper": Method(
        about="the form of arXiv 2509.05967: position edges, three views, an EMA teacher, MedNeXt",
        tasks={"gap": TaskUse(), "similarity": TaskUse(), "route": TaskUse(options={"edges": "position"})},
        views=3,
        teacher=True,
        encoder="mednext-b",
    ),
    "reconstruction": Method(
        about="masked reconstruction: 60 % of each view is hidden and restored (MAE, SimMIM)",
        tasks={"reconstruction": TaskUse()},
        views=4,
        distortion=Distortion(mask_share=0.6),
        encoder="dynunet",
        decoder=True,
    ),
    "models-genesis": Method(
        about="Models Genesis: intensity curves, voxels shuffled, parts painted over, and the view restored",
        tasks={"reconstruction": TaskUse(options={"where": "all"})},
        views=4,
        distortion=Distortion(bend_probability=0.9, shuffle_probability=0.5, paint_probability=0.9),
        encoder="dynunet",
        decoder=True,
    ),
    "voco": Method(
        about="VoCo: the overlap of a view with its neighbours, encoded by an EMA teacher",
        tasks={"volume_contrast": TaskUse()},
        views=BLOCK_VIEWS,
        layout="block",
        teacher=True,
    ),
    "simclr": Method(
        about="SimCLR: among all views of a batch, the one that shows the same part of the same scan",
        tasks={"instance_contrast": TaskUse()},
        views=4,
        layout="pairs",
    ),
    "rotation-jigsaw": Method(
        about="two classic pretext tasks: the turn of a view, and the order of its cubes",
        tasks={"rotation": TaskUse(), "jigsaw": TaskUse()},
        views=4,
        distortion=Distortion(turn=True, reorder=True),
    ),
    "place-contrast": Method(
        about="the same place in two overlapping views, among all other places of the scan",
        tasks={"place_contrast": TaskUse()},
        views=4,
        layout="pairs",
        encoder="dynunet",
        decoder=True,
    ),
    "dense-gap": Method(
        about="the position of every cell of the coarsest feature map in the scan, up to one offset",
        tasks={"dense_gap": TaskUse(options=SCALE)},
        views=4,
    ),
}


EARLIER: dict[str, dict[str, TaskUse]] = {
    "default": {
        "reconstruction": TaskUse(),
        "place_contrast": TaskUse(weight=0.5),
        "gap": TaskUse(pull=0.1),
        "similarity": TaskUse(pull=0.1),
        "route": TaskUse(pull=0.1, options={"edges": "pair"}),
    },
    "spatial": {"gap": TaskUse(), "similarity": TaskUse(), "route": TaskUse(options={"edges": "pair"})},
    "dense-gap": {"dense_gap": TaskUse()},
}
"""The tasks of methods that have changed since, as runs trained them whose config.yaml does not list its tasks. Do not change
it: with ``only_tasks``, later runs list theirs. For the same reason, the default of an option that is new must be what the task
did without it."""


def resolve_method(
    name: str, overrides: Mapping[str, Mapping[str, Any]] | None = None, only: bool = False, earlier: bool = False
) -> Method:
    """Returns a method with the user's changes to its tasks.

    Args:
        name: a key of ``METHODS``.
        overrides: per task, fields of its Config, ``weight`` and ``pull``; a task that the method does not have is
            added, a weight of 0 removes a task.
        only: ``overrides`` are all tasks; nothing is taken from those of the method.
        earlier: start from the tasks that the method had when config.yaml did not list them.

    Raises:
        InputError: an unknown method, task or option, or no task that drives the encoder.

    Example:
        >>> resolve_method("paper", {"route": {"weight": 0.5}}).tasks["route"]
        TaskUse(weight=0.5, pull=1.0, options={'edges': 'position'})
    """
    require(name in METHODS, "method", f"one of {', '.join(METHODS)}", repr(name), "use one of these")
    method = METHODS[name]
    tasks = {} if only else dict(EARLIER.get(name, method.tasks) if earlier else method.tasks)
    for task, changes in (overrides or {}).items():
        tasks[task] = _changed(task, tasks.get(task, TaskUse()), changes)
    tasks = {task: use for task, use in tasks.items() if use.weight > 0}
    drives = any(use.pull > 0 for use in tasks.values())
    wanted = "at least one task with a weight and a pull above 0"
    require(drives, "tasks", wanted, "none", "keep one task that drives the encoder")
    return replace(method, tasks=tasks)


def task_config(task: str, use: TaskUse) -> Any:
    """Returns the Config of a task with the options of ``use``."""
    try:
        return make_settings(TASKS[task].Config, use.options)
    except InputError as error:
        raise InputError(f"tasks.{task}.{error.what}", wanted=error.wanted, got=error.got, do=error.do) from error


def listed_tasks(method: Method) -> dict[str, dict[str, Any]]:
    """Returns all tasks of a method with their weight, pull and every option, as plain values: the content of ``tasks``.

    Example:
        >>> listed_tasks(resolve_method("dense-gap"))
        {'dense_gap': {'weight': 1.0, 'pull': 1.0, 'channels': 64, 'level': -1, 'scale': True, 'miss': 'square'}}
    """
    uses = method.tasks.items()
    listed: dict[str, dict[str, Any]] = {
        name: {"weight": use.weight, "pull": use.pull, **plain(task_config(name, use))} for name, use in uses
    }
    return listed


def _changed(task: str, use: TaskUse, changes: Mapping[str, Any]) -> TaskUse:
    require(
        task in TASKS, "tasks", f"one of {', '.join(TASKS)}", repr(task), REMOVED_TASKS.get(task, "use one of these")
    )
    known = [*_USE, *(item.name for item in fields(TASKS[task].Config))]
    for key in changes:
        require(key in known, f"tasks.{task}", f"one of the options {', '.join(known)}", key, "use one of these")
    for key in _USE:
        value = changes.get(key, getattr(use, key))
        require(misfit(value, float) is None, f"tasks.{task}.{key}", "a number", value)
    weight, pull = (float(changes.get(key, getattr(use, key))) for key in _USE)
    require(0 <= pull <= 1, f"tasks.{task}.pull", "0 to 1", pull)
    options = {**use.options, **{key: value for key, value in changes.items() if key not in _USE}}
    return TaskUse(weight, pull, options)
