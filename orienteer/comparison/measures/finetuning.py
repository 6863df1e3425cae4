"""Dice and HD95 of validation or test cases after fine-tuning on a share of the labels."""

import csv
import json
import shutil
from contextlib import suppress

from orienteer.comparison.measures.pretraining import run_folder
from orienteer.comparison.work.bench import Bench, Outcome, Value
from orienteer.comparison.work.cells import Cell
from orienteer.finetuning.config import make_config
from orienteer.finetuning.segmentation.train import finetune_segmentation
from orienteer.runs.weights import SCRATCH
from orienteer.scoring.segmentation_metrics import mean
from orienteer.scoring.segmentation_results import RESULTS_FILE


def measure_finetuning(bench: Bench, cell: Cell, keep: bool) -> Outcome:
    """Fine-tunes and scores; the network is deleted afterwards unless ``keep``.

    Raises:
        InputError: settings that cannot be.
        TrainingStopped: a loss that is not finite.
    """
    assert cell.needs is not None
    run, folder = run_folder(bench.out, cell.needs), bench.out / "finetuned" / cell.hash
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier call left when it was stopped
    folder.mkdir(parents=True, exist_ok=True)
    split = folder / "split.json"
    scored = bench.parts.part(cell.settings["part"])
    split.write_text(json.dumps([{"train": bench.parts.pretraining, "val": scored}]))
    config = make_config(
        {
            **cell.how["config"],
            **{"run": str(run), "split": str(split), "store": str(bench.store), "out": str(folder)},
            **{"fraction": cell.fraction, "seed": cell.seed, "modality": bench.data.modality},
            **({"start": SCRATCH} if cell.how["scratch"] else {}),
        }
    )
    done = finetune_segmentation(config, folder, bench.cases)
    with open(folder / RESULTS_FILE, newline="") as file:
        values = [value for row in csv.DictReader(file) for value in _values(row)]
    facts = {key: done.summary[key] for key in ("training_seconds", "counts", "classes_absent_from_training")}
    if not keep:
        shutil.rmtree(folder)
        with suppress(OSError):  # another cell is at work beside it
            folder.parent.rmdir()
    return Outcome(values, int(done.summary["steps"]), facts)


def _values(row: dict[str, str]) -> list[Value]:
    """Returns the figures of a row of results.csv; what could not be scored is left out."""
    numbers = {name: float(number) for name, number in row.items() if name != "case" and number != ""}
    distances = [number for name, number in numbers.items() if name.startswith("hd95_mm")]
    if distances:
        numbers["hd95_mm_mean"] = mean(distances)
    return [
        Value(row["case"], name, "mm" if name.startswith("hd95_mm") else "", number) for name, number in numbers.items()
    ]
