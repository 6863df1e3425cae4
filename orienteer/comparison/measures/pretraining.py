"""The pretraining of a cell: on the pretraining part and nothing else, which is verified afterwards."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from orienteer.comparison.measures.networks import save_untrained
from orienteer.comparison.measures.outcome import Outcome, Value
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import RESUMED, Pretraining
from orienteer.comparison.plan.leaks import refuse_leak
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.folder import CONFIG_FILE, last_checkpoint
from orienteer.runs.summary import SUMMARY_FILE, read_summary
from orienteer.runs.weights import WEIGHTS_FILE

SPEED = ("workers", "devices", "nodes", "accelerator", "pictures")
"""Settings that a resumed pretraining takes from this call."""


def run_folder(out: Path, cell_hash: str, name: str | None = None) -> Path:
    """Returns the folder of a pretraining, which is kept: the one whose name ends in its hash.

    Args:
        out: folder of the comparison.
        cell_hash: of the pretraining.
        name: of a new folder; it ends in the hash.
    """
    made = sorted(path for path in (out / "runs").glob(f"*{cell_hash}") if path.is_dir())
    return made[0] if made else out / "runs" / (name or cell_hash)


def measure_pretraining(bench: Bench, work: Pretraining, cell_hash: str, name: str | None = None) -> Outcome:
    """Pretrains, resuming what an earlier call began, and returns the run's metrics on its held-out scans.

    Args:
        bench: the cases.
        work: what to pretrain.
        cell_hash: of the cell.
        name: of the run folder, if it is new; it ends in the hash.

    Raises:
        InputError: impossible settings, or a run that saw scans of the validation or the test part.
    """
    folder = run_folder(bench.out, cell_hash, name)
    if not work.trained:
        save_untrained(folder, work.config)
        return Outcome([], 0)
    resumed = (folder / CONFIG_FILE).is_file()
    if (folder / SUMMARY_FILE).is_file():  # it had finished when an earlier call was stopped
        summary = read_summary(folder)
    elif resumed:
        summary = pretrain(out=folder, resume=True, **{name: getattr(work.config, name) for name in SPEED}).summary
    else:
        summary = pretrain(**_placed(bench, work, folder)).summary
    any_case = next(iter(bench.prepared.values())).cases
    refuse_leak(folder, bench.parts, {name: case.content for name, case in any_case.items()})
    assert (folder / WEIGHTS_FILE).is_file()
    _remove_what_no_cell_needs(folder)
    heldout = summary["heldout"]
    values = [Value("", name, _unit(name), float(value)) for name, value in heldout.items() if _is_number(value)]
    # The steps before it was stopped were not timed: the cost of such a pretraining is unknown.
    return Outcome(values, int(summary["steps"]), {RESUMED: True} if resumed else {})


def _remove_what_no_cell_needs(folder: Path) -> None:
    """Removes all but the weights and the last checkpoint, whose heads place things in `orienteer locate`."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    for path in (folder / "checkpoints").glob("*"):
        if path != last_checkpoint(folder):
            path.unlink()


def _placed(bench: Bench, work: Pretraining, folder: Path) -> dict[str, Any]:
    """Returns all settings of a new pretraining, with its folders."""
    config = replace(
        work.config,
        scans=str(bench.links),
        out=str(folder),
        store=str(bench.store),
        group_by=bench.group_by,
        prepare_workers=0,
        probe=None,
        resume=False,
    )
    return config.to_dict()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit(name: str) -> str:
    return "mm" if "_mm" in name else ""
