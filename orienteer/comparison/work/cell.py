"""Runs one cell and returns its result: values case by case, and their cost."""

import resource
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from orienteer.comparison.measures.finetuning import measure_finetuning
from orienteer.comparison.measures.networks import frozen_of
from orienteer.comparison.measures.outcome import Outcome
from orienteer.comparison.measures.pretraining import measure_pretraining, run_folder
from orienteer.comparison.measures.probe import measure_majority_map, measure_probe
from orienteer.comparison.measures.retrieval import measure_retrieval, measure_retrieval_baseline
from orienteer.comparison.measures.sides import measure_sides, measure_sides_baseline
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Baseline, Cell, Finetuning, Measurement, Pretraining
from orienteer.comparison.plan.measurements import ProbeSettings, RetrievalSettings
from orienteer.comparison.work.energy import joules, used
from orienteer.devices import choose_device
from orienteer.locating.heads import heads_of


def run_cell(bench: Bench, cell: Cell, keep: bool, alone: bool) -> dict[str, Any]:
    """Returns the result of a cell as plain JSON values.

    Args:
        keep: keep a fine-tuned network.
        alone: no other cell runs at the same time, so that the machine's energy is this cell's.
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
        "device": choose_device().type,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("orienteer", "torch", "monai")},
    }


def _outcome(bench: Bench, cell: Cell, keep: bool) -> Outcome:
    work = cell.work
    if isinstance(work, Pretraining):
        return measure_pretraining(bench, work, cell.hash, cell.file_name)
    if isinstance(work, Finetuning):
        return measure_finetuning(bench, work, cell.file_name, keep)
    if isinstance(work.source, Baseline):
        return _measure_baseline(bench, work.source, work, cell.seed)
    return _measure_frozen(bench, run_folder(bench.out, work.source), work, cell.seed)


def _measure_frozen(bench: Bench, run: Path, work: Measurement, seed: int) -> Outcome:
    frozen = frozen_of(run)
    if isinstance(work.settings, ProbeSettings):
        return measure_probe(bench, frozen, work.settings, work.fraction, seed, work.part)
    if isinstance(work.settings, RetrievalSettings):
        return measure_retrieval(bench, frozen, heads_of(run), work.settings, seed, work.part)
    return measure_sides(bench, frozen, work.settings, seed, work.part)


def _measure_baseline(bench: Bench, baseline: Baseline, work: Measurement, seed: int) -> Outcome:
    if isinstance(work.settings, ProbeSettings):
        return measure_majority_map(bench, baseline.preparation, work.settings, work.fraction, seed, work.part)
    if isinstance(work.settings, RetrievalSettings):
        return measure_retrieval_baseline(bench, baseline, work.settings, seed, work.part)
    return measure_sides_baseline(bench, baseline, work.settings, seed, work.part)


def _cpu_seconds() -> float:
    """Returns the processor time of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
