"""A comparison as a list of cells: each one piece of work with a hash over everything that decides its result."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.contenders import QUICK, Contender
from orienteer.comparison.measures.probe import MAJORITY_MAP, VoxelSettings
from orienteer.comparison.measures.retrieval import RAW_PATCH, SAME_COORDINATES, RetrievalSettings
from orienteer.comparison.measures.sides import HISTOGRAM, SidesSettings
from orienteer.comparison.work.parts import Parts
from orienteer.finetuning.config import make_config as make_finetune_config
from orienteer.settings import make_settings

RECIPE = 2
"""Goes up when a change of the code changes what comes out of a cell, so that finished ones are done again."""

PRETRAIN = "pretrain"
"""The kind of cell that others need."""

RESUMED = "resumed"
"""The fact that a pretraining went on from where an earlier call was stopped."""

RIVALS: dict[str, tuple[str, ...]] = {
    "probe": (MAJORITY_MAP,),
    "retrieval": (SAME_COORDINATES, RAW_PATCH),
    "sides": (HISTOGRAM,),
}
"""What needs no network at all, by what is measured."""

IDLE_FINETUNE = {
    "run",
    "start",
    "data",
    "images",
    "labels",
    "out",
    "split",
    "fold",
    "folds",
    "fraction",
    "seed",
    "store",
} | {*("resume", "workers", "prepare_workers", "accelerator", "pictures", "log_every", "save_every", "task")}
"""Settings of a fine-tuning that decide nothing, or are counted beside it."""


@dataclass(frozen=True)
class Cell:
    """One piece of work.

    Attributes:
        kind: ``pretrain``, or what is measured.
        seed: of everything random in it.
        fraction: share of the labels; None where no label or all are used.
        settings: all else that decides the result: plain JSON values.
        needs: hash of the pretraining that it starts from.
        how: what it is run with and does not decide the result.
    """

    kind: str
    seed: int
    fraction: float | None
    settings: Mapping[str, Any]
    needs: str | None = None
    how: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        """The name of its result.

        Example:
            >>> Cell("probe", 0, 0.1, {"kind": "ridge"}).hash == Cell("probe", 0, 0.1, {"kind": "knn"}).hash
            False
        """
        said = [version("orienteer"), RECIPE, self.kind, self.seed, self.fraction, self.settings, self.needs]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Entry:
    """A cell in the role that it has in the table. Two methods whose settings come to the same share their cells.

    Attributes:
        name: of the method or rival.
        chosen: what a selection chose for it, if there was one.
        candidate: whether it only takes part in a selection.
    """

    name: str
    cell: Cell
    chosen: Mapping[str, Any] = field(default_factory=dict)
    candidate: bool = False


@dataclass(frozen=True)
class Prints:
    """One hash for the scans of each part, and one for the scans, their names and their labels."""

    scans: Mapping[str, str]
    labelled: Mapping[str, str]


def plan_cells(
    config: CompareConfig,
    contenders: Sequence[Contender],
    prints: Prints,
    scores: Mapping[str, float],
) -> list[Entry]:
    """Returns all cells that can be told so far, those that others need first.

    Args:
        prints: of the parts ``pretraining``, ``validation`` and ``test``.
        scores: mean Dice by hash of the fine-tunings that are done. A fine-tuning with selected settings can be told when
            all its candidates have one.
    """
    runs = {
        (contender.name, seed): _pretraining(contender, seed, prints)
        for contender in contenders
        for seed in config.seeds
    }
    entries = [Entry(name, cell) for (name, _), cell in runs.items()]
    for seed in config.seeds:
        for kind in config.downstream:
            if kind == "finetune":
                continue
            network = next(contender.config for contender in contenders if not contender.trained)
            how = {"network": network.to_dict()}
            for rival in RIVALS[kind]:
                entries += _frozen(config, prints, kind, rival, seed, None, {"rival": rival, **_seen(how)}, how)
            for contender in contenders:
                entries += _frozen(config, prints, kind, contender.name, seed, runs[contender.name, seed], {}, {})
    if "finetune" in config.downstream:
        for contender in contenders:
            mine = {seed: runs[contender.name, seed] for seed in config.seeds}
            for fraction in config.fractions:
                entries += _finetunes(config, contender, mine, fraction, prints, scores)
    return entries


def part_prints(parts: Parts, contents: Mapping[str, str], labels: Mapping[str, str]) -> Prints:
    """Returns the hashes of all parts.

    Args:
        contents: hash of each case's scan, by name.
        labels: hash of each case's labels, by name.
    """
    scans, labelled = {}, {}
    for part in ("pretraining", "validation", "test"):
        names = parts.part(part)
        scans[part] = _digest(sorted(contents[name] for name in names))
        labelled[part] = _digest(sorted([name, contents[name], labels[name]] for name in names))
    return Prints(scans, labelled)


def _pretraining(contender: Contender, seed: int, prints: Prints) -> Cell:
    settings = contender.deciding()
    if contender.trained:
        settings["scans"] = prints.scans["pretraining"]
    how = {"config": {**contender.config.to_dict(), "method": contender.config.method, "seed": seed}}
    return Cell(PRETRAIN, seed, None, settings, None, how)


def frozen_settings(config: CompareConfig, kind: str) -> Any:
    """Returns how frozen features are measured.

    Args:
        kind: ``probe``, ``retrieval`` or ``sides``.

    Raises:
        InputError: a setting that cannot be.
    """
    kinds: dict[str, type] = {"probe": VoxelSettings, "retrieval": RetrievalSettings, "sides": SidesSettings}
    return make_settings(kinds[kind], getattr(config, kind))


def _frozen(
    config: CompareConfig,
    prints: Prints,
    kind: str,
    name: str,
    seed: int,
    run: Cell | None,
    more: Mapping[str, Any],
    how: Mapping[str, Any],
) -> list[Entry]:
    """Returns the cells that measure frozen features, or the rival that needs none."""
    settings = {
        **vars(frozen_settings(config, kind)),
        **{"pool": prints.labelled["pretraining"], "scored": prints.labelled[config.evaluate], "part": config.evaluate},
        **({"choose": prints.labelled["validation"]} if kind == "retrieval" else {}),
        **more,
    }
    fractions = config.fractions if kind == "probe" else (None,)
    needs = run.hash if run is not None else None
    return [Entry(name, Cell(kind, seed, fraction, settings, needs, how)) for fraction in fractions]


def _finetunes(
    config: CompareConfig,
    contender: Contender,
    runs: Mapping[int, Cell],
    fraction: float,
    prints: Prints,
    scores: Mapping[str, float],
) -> list[Entry]:
    """Returns the fine-tunings of a method with one share of the labels, all seeds; first the candidates, if any."""
    grid = [dict(zip(config.select, values, strict=True)) for values in itertools.product(*config.select.values())]

    def cells(part: str, chosen: Mapping[str, Any]) -> list[Cell]:
        given = {**QUICK, "save_every": 10**9, **config.finetune, **contender.finetune, **chosen}
        plain = make_finetune_config(given).to_dict()
        settings = {key: value for key, value in plain.items() if key not in IDLE_FINETUNE}
        settings |= {"pool": prints.labelled["pretraining"], "scored": prints.labelled[part], "part": part}
        how = {"config": given, "scratch": not contender.trained}
        return [Cell("finetune", seed, fraction, settings, run.hash, how) for seed, run in runs.items()]

    if not config.select:
        return [Entry(contender.name, cell) for cell in cells(config.evaluate, {})]
    candidates = [cells("validation", chosen) for chosen in grid]
    entries = [Entry(contender.name, cell, candidate=True) for row in candidates for cell in row]
    if not all(cell.hash in scores for row in candidates for cell in row):
        return entries
    means = [sum(scores[cell.hash] for cell in row) / len(row) for row in candidates]
    best = grid[means.index(max(means))]
    return entries + [Entry(contender.name, cell, best) for cell in cells(config.evaluate, best)]


def _seen(how: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what decides how scans look to a rival."""
    return {key: how["network"][key] for key in ("spacing_mm", "view_size", "ct_window_hu", "mr_percentiles")}


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
