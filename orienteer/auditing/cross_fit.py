"""The anatomy of a collection read by models that are trained on it: each scan is judged by one that never saw it."""

import glob
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orienteer.auditing.anatomy import Anatomy, findings_of, judge_among_themselves, measure_all, rows_of
from orienteer.errors import InputError, TrainingStopped
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say
from orienteer.report.header_check import Verdict
from orienteer.report.new_scans import prepare_new
from orienteer.runs.loaded import load_run
from orienteer.scans.patients import by_file_name, units
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.screening.screen import Screening
from orienteer.store.store import Store
from orienteer.tasks import TASKS

LEAST_SCANS = 8
"""With fewer scans a model learns nothing that holds for others, and nothing is known of what sound scans look like to it."""

SETS = 1
"""View sets per scan: models that are trained here see whole scans coarsely, not view sets."""

MOST_TRAINED = 200
"""Scans that one model is trained on: in these few steps it would see no more."""

TRAINING: dict[str, Any] = {
    **{
        "encoder": "tiny",
        "views": 2,
        "batch": 4,
        "warmup": 0.05,
        "pictures": False,
        "workers": 1,
        "audit_rules": False,
    },
}
"""Settings of these trainings beside their tasks."""


def judge_cross_fitted(
    scans: str | Path,
    screening: Screening,
    groups: Sequence[Sequence[str]],
    selection: Selection,
    folds: int,
    steps: int,
    workers: int | None,
    seed: int = 0,
) -> Anatomy:
    """Returns what models that never saw a scan read off its anatomy. Scans of one group are in one fold.

    Args:
        scans: the folder of the scans.
        screening: the scans, and what files alone say of them.
        groups: scans of one person or image.
        selection: how they are read.
        folds: models to train.
        steps: of each training.
        workers: processes that prepare scans.
        seed: of the trainings.
    """
    usable = _without_errors(screening)
    if len(usable) < LEAST_SCANS:
        few = (
            f"{len(usable)} scans are too few to train a model that judges them: headers were not compared with anatomy"
        )
        return Anatomy(notes=(f"{few}; --run takes a model that is there.",))
    verdicts: dict[str, Verdict] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="orienteer-") as temporary:
        for number, names in enumerate(deal(sorted(usable), groups, folds), 1):
            say(f"model {number} of {folds}: trained on {len(usable) - len(names)} scans, to judge {len(names)}")
            try:
                trained_on = sorted(usable.keys() - set(names))
                run = _train(scans, selection, trained_on, Path(temporary), number, steps, workers, seed)
                verdicts |= _judge(run, [usable[name] for name in names], Path(temporary), selection, workers)
            except (InputError, TrainingStopped) as error:
                notes.append(f"Model {number} could not be trained: {error}")
    judged = f"Headers of {len(verdicts)} scans were judged by {folds} models of {steps} steps, each by one that never saw it; "
    notes.append(
        judged + "limits come from the other scans of its fold. A fault that most scans share cannot be found so."
    )
    return Anatomy(findings_of(verdicts), rows_of(verdicts), notes)


def deal(names: Sequence[str], groups: Sequence[Sequence[str]], folds: int) -> list[list[str]]:
    """Returns the names in folds of nearly equal size, those of a group in one.

    Example:
        >>> deal(["a", "b", "c", "d", "e"], [("a", "d")], 2)
        [['a', 'd', 'e'], ['b', 'c']]
    """
    of_name = {name: f"group {number}" for number, members in enumerate(groups) for name in members}
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for unit in sorted(units(by_file_name(names), of_name), key=len, reverse=True):
        min(dealt, key=len).extend(unit)
    return [sorted(fold) for fold in dealt if fold]


def abilities() -> dict[str, dict[str, Any]]:
    """Returns the tasks that learn what sound headers look like, with the options of these trainings."""
    return {name: {"every": 1} for name, task in TASKS.items() if task.sees == "misread"}


def _without_errors(screening: Screening) -> dict[str, ScanSource]:
    """Returns the scans that can be read and are images, without those that rules found an error in."""
    wrong = {each.scan for each in screening.findings if each.level == "error"}
    return {source.name: source for source in screening.readable if source.name not in wrong}


def _train(
    scans: str | Path,
    selection: Selection,
    names: Sequence[str],
    folder: Path,
    number: int,
    steps: int,
    workers: int | None,
    seed: int,
) -> Path:
    run = pretrain(
        scans,
        folder / f"model-{number}",
        include=tuple(glob.escape(name) for name in names[:: -(-len(names) // MOST_TRAINED)]),
        frame=selection.frame,
        modality=selection.modality,
        store=str(folder / "store"),
        method="spatial",
        tasks=abilities(),
        only_tasks=True,
        steps=steps,
        validate_every=steps,
        prepare_workers=workers,
        seed=seed,
        **TRAINING,
    )
    return run.folder


def _judge(
    run: Path, sources: Sequence[ScanSource], folder: Path, selection: Selection, workers: int | None
) -> dict[str, Verdict]:
    loaded = load_run(run)
    new = prepare_new(loaded, Discovery(tuple(sources), ()), folder / "store", selection, workers)
    with Store.open(folder / "store") as store:
        measured = list(measure_all(loaded, store, new.keys, SETS))
        heldout = list(measure_all(loaded, store, sorted(loaded.validation), SETS))
    return judge_among_themselves(measured, heldout)
