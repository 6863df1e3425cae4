"""The tables of a made-up comparison: a few lines of a summary, and a folder as compare leaves it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results_tables import Result, add, read_results
from orienteer.comparison.results.summary import Line, write_summary_table

ABOUT = {
    "dataset": "made-up", "command": "orienteer compare DATA --out OUT --seeds 0,1", "evaluate": "test",
    "cases": {"pretraining": 12, "validation": 4, "test": 5}, "seeds": [0, 1], "methods": ["scratch", "default", "voco"],
    "network": {"encoder": "tiny", "view_size": [16, 16, 16], "spacing_mm": [1.0, 1.0, 2.5]},
    "cells": 9, "cells_done": 8, "processor_hours": 0.5, "devices": ["cpu"], "threads": [2],
    "versions": {"orienteer": "0.1.0", "torch": "2"}, "data_fingerprint": "0123",
}  # fmt: skip


def dice(
    method: str, fraction: str, mean: float, against: str = "", half: float = 0.01, downstream: str = "finetune"
) -> Line:
    """Returns a line of Dice whose interval reaches ``half`` to either side."""
    return Line("made-up", downstream, "dice_mean", "", method, fraction, against, mean, mean - half, mean + half, 2, 5)


def error(method: str, mean: float) -> Line:
    """Returns a line of the error of retrieval in mm."""
    return Line("made-up", "retrieval", "error_mm", "mm", method, "", "", mean, mean - 0.5, mean + 0.5, 2, 5)


LINES = [
    dice("scratch", "0.05", 0.70), dice("default", "0.05", 0.74), dice("voco", "0.05", 0.72),
    dice("scratch", "1", 0.80), dice("default", "1", 0.795), dice("voco", "1", 0.79),
    dice("default", "mean", 0.7675), dice("voco", "mean", 0.755),
    dice("default", "0.05", 0.04, "scratch"), dice("default", "1", -0.005, "scratch"),
    dice("default", "0.05", 0.5, downstream="probe"), dice("voco", "0.05", 0.4, downstream="probe"),
    dice("majority map", "0.05", 0.3, downstream="probe"),
    error("default", 2.0), error("voco", 4.5), error("same coordinates", 6.0),
]  # fmt: skip
PAIRED = [
    dice("voco", "0.05", -0.02, "default"),
    dice("voco", "1", 0.02, "default"),
    dice("voco", "mean", -0.015, "default"),
]


def write_comparison(folder: Path, lines: Sequence[Line], about: Mapping[str, Any] = ABOUT) -> Path:
    """Writes a folder as compare leaves it."""
    folder.mkdir()
    write_summary_table(folder, lines)
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "compare.yaml").write_text(yaml.safe_dump({"data": "/here", "store": "/there", "seeds": [0, 1]}))
    head = "downstream,method,seed,config_hash,pretrain_seconds,finetune_seconds\n"
    rows = "pretrain,default,0,a,10.0,\n" * 2 + "pretrain,default,1,b,20.0,\nfinetune,scratch,0,c,,7.0\n"
    (folder / "runs" / "a").mkdir(parents=True)
    steps = [{"step": 2, "part": "train", "loss": 1}, {"step": 2, "part": "heldout", "loss": 1, "gap_error_mm": 5.0},
             {"step": 4, "part": "heldout", "loss": 1, "gap_error_mm": 4.0, "gap_error_mm_trivial": 9.0}]  # fmt: skip
    (folder / "runs" / "a" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    (folder / "results.csv").write_text(head + rows)
    return folder


def kept(folder: Path, lines: Sequence[Line], about: Mapping[str, Any] = ABOUT) -> list[Result]:
    """Writes a comparison, keeps its tables in ``folder / "tables"``, and reads them back."""
    add(write_comparison(folder / "made", lines, about), "made-up", folder / "tables")
    return read_results(folder / "tables")
