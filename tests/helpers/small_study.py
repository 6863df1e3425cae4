"""A made-up comparison of two methods, for planning its cells without any data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orienteer.comparison.config import CompareConfig, make_config
from orienteer.comparison.plan.cell import Cell, Pretraining
from orienteer.comparison.plan.contenders import Contender, finetune_choices
from orienteer.comparison.plan.measurements import resolve_measurements
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.plan.prints import Prints
from orienteer.comparison.plan.study import Study
from orienteer.runs.run_config import RunConfig, make_run_config

PRINTS = Prints({"pretraining": "p"}, {"pretraining": "pl", "validation": "vl", "test": "tl"})
PRETRAIN = make_run_config(
    {"view_size": [16, 16, 16], "spacing_mm": [1.0, 1.0, 1.0], "encoder": "tiny", "views": 4, "unit_mm": 100.0}
)
SETTINGS: dict[str, Any] = {"fractions": [0.5, 1.0], "seeds": [0, 1]}


def contender(name: str, method: str, config: CompareConfig, pretraining: RunConfig = PRETRAIN) -> Contender:
    return Contender(name, method, pretraining, {}, finetune_choices(config, {}))


def study_of(settings: Mapping[str, Any] | None = None, prints: Prints = PRINTS, **pretraining: Any) -> Study:
    """Returns a study of ``scratch`` and of one method called ``ours``.

    Args:
        settings: of the comparison, on top of two fractions and two seeds.
        pretraining: changes to the pretraining of ``ours``.
    """
    config = make_config({**SETTINGS, **(settings or {})})
    contenders = [
        contender("scratch", "scratch", config),
        contender("ours", "default", config, replace(PRETRAIN, **pretraining)),
    ]
    parts = Parts(("a", "b"), ("c",), ("d",))
    return Study(config, "made-up", contenders, resolve_measurements(config), parts, prints, "0123")


def idle_cell(
    kind: str,
    seed: int = 0,
    fraction: float | None = None,
    settings: Mapping[str, Any] | None = None,
    needs: str | None = None,
) -> Cell:
    """Returns a cell that is planned and recorded but never runs."""
    return Cell(kind, seed, fraction, settings or {}, Pretraining(PRETRAIN, True), needs)


def result_of(name: str, **changes: Any) -> dict[str, Any]:
    """Returns the result of a cell with that hash, as `run_cell` gives it."""
    result = {"hash": name, "kind": "sides", "values": [], "steps": None, "facts": {}, "cpu_seconds": 1.0}
    return {**result, "device": "cpu", "threads": 1, "versions": {"orienteer": "1"}, **changes}
