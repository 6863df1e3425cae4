"""Dice and HD95 of validation or test cases after fine-tuning on a share of the labels."""

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orienteer.comparison.measures.outcome import Outcome, Value
from orienteer.comparison.measures.pretraining import run_folder
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Finetuning
from orienteer.files import csv_rows, write_json
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.segmentation.train import finetune_segmentation
from orienteer.runs.weights import SCRATCH
from orienteer.scans.patients import NONE
from orienteer.scoring.segmentation_metrics import mean
from orienteer.scoring.segmentation_results import RESULTS_FILE


def measure_finetuning(bench: Bench, work: Finetuning, name: str, keep: bool) -> Outcome:
    """Fine-tunes and scores; the network is deleted afterwards unless ``keep``.

    Args:
        bench: the cases.
        work: what to fine-tune.
        name: of the folder.
        keep: keep the fine-tuned network.

    Raises:
        InputError: impossible settings.
        TrainingStopped: a loss that is not finite.
    """
    folder = bench.out / "finetuned" / name
    shutil.rmtree(folder, ignore_errors=True)  # left by an earlier call that was stopped
    split = folder / "split.json"
    write_json(split, [{"train": bench.parts.pretraining, "val": bench.parts.part(work.part)}], indent=None)
    config = _placed(bench, work, folder, split)
    run = finetune_segmentation(config, folder, bench.cases)
    values = [value for row in csv_rows(folder / RESULTS_FILE) for value in _values(row)]
    facts = {key: run.summary[key] for key in ("training_seconds", "counts", "classes_absent_from_training")}
    if not keep:
        shutil.rmtree(folder)
        with suppress(OSError):  # other cells use it
            folder.parent.rmdir()
    return Outcome(values, int(run.summary["steps"]), facts)


def _placed(bench: Bench, work: Finetuning, folder: Path, split: Path) -> FinetuneConfig:
    """Returns the settings with data and folders; what the pretraining decides is resolved when it starts."""
    return replace(
        work.config,
        run=str(run_folder(bench.out, work.run)),
        start=SCRATCH if work.scratch else None,
        split=str(split),
        group_by=NONE,  # the parts of the comparison are what they are
        store=str(bench.store),
        out=str(folder),
        modality=bench.data.modality,
    )


def _values(row: dict[str, str]) -> list[Value]:
    """Returns the values of a row of results.csv; what could not be scored is left out."""
    numbers = {name: float(number) for name, number in row.items() if name != "case" and number != ""}
    distances = [number for name, number in numbers.items() if name.startswith("hd95_mm")]
    if distances:
        numbers["hd95_mm_mean"] = mean(distances)
    return [
        Value(row["case"], name, "mm" if name.startswith("hd95_mm") else "", number) for name, number in numbers.items()
    ]
