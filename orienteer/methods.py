"""METHODS: a method is a named set of tasks with weights and options, the views it draws, its teacher and its encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.tasks import TASKS
from orienteer.views.distort import NOTHING, Distortion
from orienteer.views.layout import BLOCK_VIEWS


@dataclass(frozen=True)
class TaskUse:
    """How a method uses one task.

    Attributes:
        weight: of its losses in the sum.
        pull: share of its gradient that reaches the encoder, while its heads learn in full. At 0 the task only looks on:
            it shows what the features know and costs them nothing.
        options: the fields of its Config that differ.
    """

    weight: float = 1.0
    pull: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """What one run learns.

    Attributes:
        about: one sentence for the report and the documentation.
        tasks: the tasks by name.
        views: views in a set where the user does not say.
        teacher: whether all views but the first are encoded by a moving average of the encoder.
        encoder: what is trained where the user does not say and a GPU is at hand.
        layout: how the views of a set lie to each other where the user does not say.
        distortion: what is hidden or rearranged in views before the encoder sees them.
        decoder: whether its tasks look at fine maps, so that the decoder learns too where the encoder can have one.
    """

    about: str
    tasks: Mapping[str, TaskUse]
    views: int = 3
    teacher: bool = False
    encoder: str = "segresnet"
    layout: Literal["free", "pairs", "block"] = "free"
    distortion: Distortion = NOTHING
    decoder: bool = False


_HOW_USED = ("weight", "pull")

METHODS: dict[str, Method] = {
    "default": Method(
        about="place contrast and masked reconstruction teach; gap, similarity and route pull gently, and show what is known",
        tasks={
            "reconstruction": TaskUse(),
            "place_contrast": TaskUse(weight=0.5),
            "gap": TaskUse(pull=0.1),
            "similarity": TaskUse(pull=0.1),
            "route": TaskUse(pull=0.1, options={"edges": "pair"}),
        },
        views=4,
        encoder="dynunet",
        layout="pairs",
        distortion=Distortion(mask_share=0.4),
        decoder=True,
    ),
    "spatial": Method(
        about="the paper's three tasks alone, with pair edges: gap, similarity and route, one encoder, no teacher",
        tasks={"gap": TaskUse(), "similarity": TaskUse(), "route": TaskUse(options={"edges": "pair"})},
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
        about="masked reconstruction: three fifths of each view are hidden and restored (MAE, SimMIM)",
        tasks={"reconstruction": TaskUse()},
        views=4,
        distortion=Distortion(mask_share=0.6),
        encoder="dynunet",
        decoder=True,
    ),
    "models-genesis": Method(
        about="Models Genesis: intensities bent, voxels shuffled, parts painted over, and the view restored",
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
        about="SimCLR: of all views of a batch, the one that shows the same piece of the same scan",
        tasks={"instance_contrast": TaskUse()},
        views=4,
        layout="pairs",
    ),
    "rotation-jigsaw": Method(
        about="the classic spatial tasks: how a view was turned, and in which order its cubes were put",
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
        about="every cell of the coarsest feature map tells its place in the scan, up to one offset",
        tasks={"dense_gap": TaskUse()},
        views=4,
    ),
}


def resolve_method(name: str, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Method:
    """Returns a method with the user's changes to its tasks.

    Args:
        name: a key of ``METHODS``.
        overrides: per task, fields of its Config, ``weight`` and ``pull``; a task that the method lacks is added, a weight
            of 0 removes it.

    Raises:
        InputError: an unknown method, task or option, or no task that teaches the encoder.

    Example:
        >>> resolve_method("spatial", {"route": {"edges": "position", "weight": 0.5}}).tasks["route"]
        TaskUse(weight=0.5, pull=1.0, options={'edges': 'position'})
    """
    if name not in METHODS:
        raise InputError("method", wanted=f"one of {', '.join(METHODS)}", got=repr(name), do="choose one of these")
    method = METHODS[name]
    tasks = dict(method.tasks)
    for task, changes in (overrides or {}).items():
        tasks[task] = _changed(task, tasks.get(task, TaskUse()), changes)
    tasks = {task: use for task, use in tasks.items() if use.weight > 0}
    if not any(use.pull > 0 for use in tasks.values()):
        wanted = "at least one task with a weight and a pull above 0"
        raise InputError("tasks", wanted=wanted, got="none", do="keep one task that teaches the encoder")
    return replace(method, tasks=tasks)


def task_config(task: str, use: TaskUse) -> Any:
    """Returns the task's own Config with the options of ``use``."""
    return TASKS[task].Config(**use.options)


def _changed(task: str, use: TaskUse, changes: Mapping[str, Any]) -> TaskUse:
    if task not in TASKS:
        raise InputError("tasks", wanted=f"task names among {', '.join(TASKS)}", got=repr(task), do="mend the name")
    known = [*_HOW_USED, *(item.name for item in fields(TASKS[task].Config))]
    unknown = [key for key in changes if key not in known]
    if unknown:
        wanted = f"options among {', '.join(known)}"
        raise InputError(f"tasks.{task}", wanted=wanted, got=unknown[0], do="mend the option")
    used = {key: float(changes.get(key, getattr(use, key))) for key in _HOW_USED}
    if not 0 <= used["pull"] <= 1:
        raise InputError(f"tasks.{task}.pull", wanted="0 to 1", got=str(used["pull"]), do="mend the option")
    options = {**use.options, **{key: value for key, value in changes.items() if key not in _HOW_USED}}
    return TaskUse(options=options, **used)
