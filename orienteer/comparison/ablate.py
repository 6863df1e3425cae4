"""The command `ablate`: a comparison of a method with variants of itself, each changed in one thing."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Unpack, get_args, get_origin, get_type_hints

import numpy as np

from orienteer.comparison.compare import Comparison, compare
from orienteer.comparison.config import CompareConfig, make_config
from orienteer.comparison.keywords import CompareKeywords
from orienteer.comparison.plan.contenders import QUICK
from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.labelled.datasets import read_dataset
from orienteer.methods import Method, task_config
from orienteer.pretraining.resolve import resolve_config
from orienteer.runs.config import PretrainConfig
from orienteer.runs.config import make_config as make_pretrain_config
from orienteer.runs.run_config import RunConfig
from orienteer.runs.weights import SCRATCH
from orienteer.tasks import TASKS
from orienteer.views.layout import check_views

Question = Literal["tasks", "choices", "teacher", "views", "view_size"]
QUESTIONS: tuple[str, ...] = get_args(Question)

VIEWS = range(2, 7)
"""Numbers of views that are tried, where the method's layout allows them."""

VIEW_SHARES = (0.5, 0.75, 1.5)
"""Sizes of a view that are tried, as shares of its edges, rounded to what the network accepts."""

Changes = dict[str, dict[str, Any]]


def ablate(
    data: str | Path | None = None,
    out: str | Path | None = None,
    method: str = "spatial",
    questions: tuple[Question, ...] = ("tasks", "choices", "teacher", "views", "view_size"),
    **settings: Unpack[CompareKeywords],
) -> Comparison:
    """Compares a method with variants of itself, each changed in one thing; table and page are those of `compare`.

    The tasks of a method are its granularities: whole views, parts of views, chains of views. Each is trained alone, and
    each pair, besides all together.

    Args:
        data: dataset.json of labelled scans, or its folder.
        out: folder to make, or of an ablation to resume.
        method: what is taken apart. By default the paper's three tasks, each of another granularity.
        questions: tasks: each alone, each pair; choices: every other choice that a task offers, such as how routes get
            their edges; teacher: with and without; views: 2 to 6 at a time; view_size: smaller and larger.
        **settings: any field of `CompareConfig`, as on the command line. Views that do not fit into the scans fail with a
            message; the other cells still run.

    Raises:
        InputError: settings or data that cannot be used; nothing was computed.
    """
    for question in questions:
        if question not in QUESTIONS:
            wanted = f"questions among {', '.join(QUESTIONS)}"
            raise InputError("questions", wanted=wanted, got=repr(question), do="use these names only")
    named = {key: str(value) for key, value in (("data", data), ("out", out)) if value is not None}
    config = make_config({**settings, **named})
    plan = _plan(config, method)
    resolved = plan.run_method
    variants: Changes = {}
    for question in questions:
        variants |= _VARIANTS[question](resolved, plan)
    names = [name for name in config.methods if name not in (SCRATCH, method)] if "methods" in settings else []
    defined = {name: {"method": method, **changes} for name, changes in variants.items()}
    settings.setdefault("against", [SCRATCH, method])
    settings["methods"] = [SCRATCH, method, *names]
    settings["define"] = {**defined, **config.define}
    return compare(data, out, **settings)


def each_task(method: Method, plan: PretrainConfig) -> Changes:
    """Returns the method with each of its tasks alone, and with each smaller set of two and more.

    Example:
        >>> from orienteer.methods import resolve_method
        >>> sorted(each_task(resolve_method("spatial"), PretrainConfig()))[:3]
        ['only gap', 'only gap + route', 'only gap + similarity']
    """
    names = list(method.tasks)
    variants = {}
    for count in range(1, len(names)):
        for kept in itertools.combinations(names, count):
            removed = {name: {"weight": 0} for name in names if name not in kept}
            variants[f"only {' + '.join(sorted(kept))}"] = {"tasks": _changed(plan, removed)}
    return variants


def other_choices(method: Method, plan: PretrainConfig) -> Changes:
    """Returns the method with every other choice that one of its tasks offers.

    Example:
        >>> from orienteer.methods import resolve_method
        >>> sorted(other_choices(resolve_method("dense-gap"), PretrainConfig()))
        ['dense_gap miss length', 'dense_gap scale False']
    """
    variants = {}
    for name, use in method.tasks.items():
        present = task_config(name, use)
        for option, kind in get_type_hints(TASKS[name].Config).items():
            values = get_args(kind) if get_origin(kind) is Literal else (True, False) if kind is bool else ()
            for value in values:
                if value != getattr(present, option):
                    changed = {name: {**dict(plan.tasks.get(name, {})), option: value}}
                    variants[f"{name} {option} {value}"] = {"tasks": _changed(plan, changed)}
    return variants


def other_teacher(method: Method, plan: PretrainConfig) -> Changes:
    """Returns the method with a teacher if it has none, and without one otherwise.

    Example:
        >>> from orienteer.methods import resolve_method
        >>> other_teacher(resolve_method("spatial"), PretrainConfig(teacher=False))
        {'with a teacher': {'teacher': True}}
    """
    return {"without a teacher" if plan.teacher else "with a teacher": {"teacher": not plan.teacher}}


def other_views(method: Method, plan: PretrainConfig) -> Changes:
    """Returns the method with other numbers of views at a time, where its layout allows them.

    Example:
        >>> from orienteer.methods import resolve_method
        >>> list(other_views(resolve_method("spatial"), PretrainConfig(views=4)))
        ['2 views', '3 views', '5 views', '6 views']
    """
    return {f"{number} views": {"views": number} for number in VIEWS if number != plan.views and _allows(plan, number)}


def other_view_sizes(method: Method, plan: RunConfig) -> Changes:
    """Returns the method with smaller and larger views.

    Example:
        >>> from orienteer.methods import resolve_method
        >>> from orienteer.runs.run_config import make_run_config
        >>> sizes = {"view_size": [32, 32, 32], "spacing_mm": [5.0, 5.0, 5.0], "unit_mm": 100.0, "views": 4}
        >>> list(other_view_sizes(resolve_method("spatial"), make_run_config({"encoder": "tiny", **sizes})))
        ['views of 48 x 48 x 48']
    """
    encoder = build_encoder(plan.encoder, plan.view_size, **plan.encoder_arguments)
    divisor = np.array(encoder.divisor)
    variants: Changes = {}
    for share in VIEW_SHARES:
        cells = np.maximum(1, np.floor(np.array(plan.view_size) * share / divisor + 0.5))
        size = [int(edge) for edge in cells * divisor]
        if size != list(plan.view_size) and _accepts(encoder, size):
            variants[f"views of {' x '.join(map(str, size))}"] = {"view_size": size}
    return variants


_VARIANTS = dict(zip(QUESTIONS, (each_task, other_choices, other_teacher, other_views, other_view_sizes), strict=True))


def _plan(config: CompareConfig, method: str) -> RunConfig:
    """Returns the method's settings as planned for these scans."""
    cases = read_dataset(config.data, config.images, config.labels).cases
    folder = os.path.commonpath([str(case.source.files[0].parent) for case in cases])
    changes = {key: value for key, value in config.define.get(method, {}).items() if key != "finetune"}
    given = {**QUICK, "method": method, **config.pretrain, **changes, "scans": folder}
    return resolve_config(make_pretrain_config(given), shown=False).config


def _changed(plan: PretrainConfig, changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: dict(options) for name, options in plan.tasks.items()}, **changes}


def _accepts(encoder: Encoder, size: list[int]) -> bool:
    try:
        encoder.check_size((size[0], size[1], size[2]))
    except InputError:
        return False
    return True


def _allows(plan: PretrainConfig, views: int) -> bool:
    try:
        check_views(views, plan.layout)
    except InputError:
        return False
    return True
