"""Data sets that somebody else made up: fine-tuning on them writes nothing outside its output folder.

Each data set lists some of the hostile places (absolute paths, ``..``, links, files outside) and hostile names (control
characters, devices, formulas) of the tests, as the Decathlon does or by nnU-Net's key ``dataset``. A fine-tuning of one step
is trained on one case and predicts the others. Every file and link outside its output folder is compared before and after.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.errors import InputError
from orienteer.files import write_json
from orienteer.finetuning.finetune import finetune
from orienteer.labelled.datasets import read_dataset
from tests.helpers.hostile import tree, write_hostile_names, write_hostile_places, write_listing
from tests.helpers.labelled import SMALL

ENTRIES = 8
"""Entries of each data set, drawn from all hostile ones."""

ONE_STEP: dict[str, Any] = {**SMALL, "steps": 1, "output_layer": "new", "overlap": 0.0}


def run(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Returns how many data sets were tried and refused, predictions made, and files written outside the output folder.

    Args:
        count: of data sets.
        seed: of the entries that are drawn.
        folder: to work in.
    """
    rng = np.random.default_rng(seed)
    places, names = write_hostile_places(folder), write_hostile_names(folder / "data")
    entries = [*places, *((f"imagesTr/{name}", f"labelsTr/{name}") for name in names)]
    out = folder / "out"
    values = {"tried": 0, "writes": 0, "refused": 0, "predictions": 0}
    for number in range(count):
        chosen = [entries[at] for at in rng.permutation(len(entries))[:ENTRIES]]
        listing = write_listing(folder / "data/dataset.json", chosen, explicit=bool(number % 2))
        before = tree(folder, but=out)
        try:
            values["predictions"] += _predictions(listing, out / "store", out / str(number))
        except InputError as error:
            values["refused"] += 1
            print(f"  data set {number}: {error}"[:200], flush=True)
        after = tree(folder, but=out)
        changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
        values["tried"] += 1
        values["writes"] += len(changed)
        for path in changed:
            print(f"  data set {number}: {path!r} was written", flush=True)
    return values


def _predictions(listing: Path, store: Path, out: Path) -> int:
    """Fine-tunes on one case of a data set, and returns how many others were predicted."""
    cases = [case.name for case in read_dataset(str(listing), None, None).cases]
    if len(cases) < 2:
        return 0
    write_json(out / "split.json", [{"train": cases[-1:], "val": cases[:-1]}])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        finetune(data=listing, out=out / "run", split=str(out / "split.json"), store=str(store), **ONE_STEP)
    return len(list((out / "run/predictions").rglob("*.nii.gz")))
