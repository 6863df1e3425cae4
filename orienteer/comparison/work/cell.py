"""Does one cell and returns its result: the figures case by case, and what they cost."""

import resource
import time
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import torch

from orienteer.comparison.measures.finetuning import measure_finetuning
from orienteer.comparison.measures.networks import frozen_of, rival_preparation
from orienteer.comparison.measures.pretraining import measure_pretraining, run_folder
from orienteer.comparison.measures.probe import VoxelSettings, measure_probe
from orienteer.comparison.measures.retrieval import RetrievalSettings, measure_retrieval
from orienteer.comparison.measures.sides import SidesSettings, measure_sides
from orienteer.comparison.work.bench import Bench, Outcome
from orienteer.comparison.work.cells import PRETRAIN, Cell
from orienteer.comparison.work.energy import joules, used
from orienteer.features.whole_scan import FrozenEncoder
from orienteer.scans.preparation import Preparation


def do_cell(bench: Bench, cell: Cell, keep: bool, alone: bool) -> dict[str, Any]:
    """Returns the result of a cell as plain JSON values.

    Args:
        keep: keep a fine-tuned network.
        alone: no other cell is done at the same time, so that the machine's energy is this cell's.
    """
    begun, cpu, energy = time.monotonic(), _cpu_seconds(), joules() if alone else None
    outcome = _outcome(bench, cell, keep)
    return {
        "hash": cell.hash,
        "kind": cell.kind,
        "seed": cell.seed,
        "fraction": cell.fraction,
        "needs": cell.needs,
        "settings": dict(cell.settings),
        "values": [list(value) for value in outcome.values],
        "steps": outcome.steps,
        "facts": outcome.facts,
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(_cpu_seconds() - cpu, 2),
        "energy_j": used(energy, joules()),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("orienteer", "torch", "monai")},
    }


def _outcome(bench: Bench, cell: Cell, keep: bool) -> Outcome:
    if cell.kind == PRETRAIN:
        return measure_pretraining(bench, cell)
    if cell.kind == "finetune":
        return measure_finetuning(bench, cell, keep)
    rival, part = cell.settings.get("rival"), cell.settings["part"]
    seen: FrozenEncoder | Preparation
    if rival is not None:
        network = cell.how["network"]
        seen, view_size = rival_preparation(network), tuple(network["view_size"])
    else:
        assert cell.needs is not None
        seen = frozen_of(run_folder(bench.out, cell.needs))
        view_size = seen.view_size
    if cell.kind == "probe":
        assert cell.fraction is not None
        return measure_probe(bench, seen, _settings(VoxelSettings, cell), cell.fraction, cell.seed, part)
    if cell.kind == "retrieval":
        return measure_retrieval(bench, seen, _settings(RetrievalSettings, cell), cell.seed, part, rival)
    return measure_sides(bench, seen, view_size, _settings(SidesSettings, cell), cell.seed, part)


def _settings(kind: type, cell: Cell) -> Any:
    return kind(**{item.name: cell.settings[item.name] for item in fields(kind)})


def _cpu_seconds() -> float:
    """Returns the processor time of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
