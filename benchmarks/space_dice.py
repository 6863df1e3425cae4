"""Dice after fine-tuning on a few labels: what a run of `benchmarks.space` brings over starting from scratch.

``python -m benchmarks.space_dice --data abdomen_ct --run RUN --run RUN --first-seed 1 --labels 1 2 --json FILE``: runs that
`benchmarks.space` kept (``--keep``), one for each seed. Each is fine-tuned on the first labelled scans of its training part,
and so is the same network from scratch, with the same batches; both are scored on the people that were never trained on.
Means over seeds, by number of labels, with the keys

- ``run``, ``scratch``: mean Dice of the held-out scans;
- ``difference``: of each scan, the run's Dice less that of scratch; ``interval95`` by resampling seeds and scans.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.command import parser_of, save
from benchmarks.space_data import REAL, Collection, collection, real_folder
from orienteer.files import csv_rows, write_json
from orienteer.finetuning.finetune import finetune
from orienteer.progress import say
from orienteer.runs.weights import SCRATCH
from orienteer.scoring.segmentation_results import RESULTS_FILE

STARTS: Mapping[str, str | None] = {"run": None, "scratch": SCRATCH}

RESAMPLES = 4000

PATCH = (48, 48, 48)
"""Voxels of a patch, at the spacing of the run: half of a scan along each axis, and a third of its cost."""


def dice_by_scan(
    run: Path, data: Path, scans: Collection, start: str | None, labels: int, steps: int, seed: int, work: Path
) -> dict[str, float]:
    """Returns the mean Dice of each held-out scan after fine-tuning.

    Args:
        run: of a pretraining.
        data: folder with the dataset.json of the collection.
        scans: those of the training part, and held out.
        start: None for the run's weights, or scratch.
        labels: scans of the training part to fine-tune on, the first by name.
        steps: of the fine-tuning.
        seed: of the fine-tuning.
        work: folder for results and prepared scans.
    """
    training, heldout = (
        [file.name.removesuffix(".nii.gz") for file in part] for part in (scans.training, scans.heldout)
    )
    out = work / f"{start or 'run'}-{labels}"
    split = work / f"{labels}.json"
    write_json(split, [{"train": training[:labels], "val": heldout}])
    settings: dict[str, Any] = {"start": start} if start else {}
    finetune(run, data, out, split=str(split), steps=steps, seed=seed, mirror="none", prepare_workers=0, pictures=False,
             patch_size=PATCH, store=str(work / "labelled-store"), accelerator="cpu", **settings)  # fmt: skip
    return {row["case"]: float(row["dice_mean"]) for row in csv_rows(out / RESULTS_FILE) if row["dice_mean"]}


def compared(rows: Sequence[Mapping[str, Any]], labels: int) -> dict[str, Any]:
    """Returns the means of the seeds with one number of labels, and of the paired differences.

    Example:
        >>> rows = [{"seed": 1, "labels": 1, "run": {"a": 0.5, "b": 0.3}, "scratch": {"a": 0.4, "b": 0.1}}]
        >>> compared(rows, 1)["difference"]
        0.15
    """
    chosen = [row for row in rows if row["labels"] == labels]
    apart = [np.array([row["run"][scan] - row["scratch"][scan] for scan in row["run"]]) for row in chosen]
    rng = np.random.default_rng(0)
    drawn = [
        np.mean([rng.choice(apart[seed], len(apart[seed])).mean() for seed in rng.choice(len(apart), len(apart))])
        for _ in range(RESAMPLES)
    ]
    return {
        **{start: round(float(np.mean([list(row[start].values()) for row in chosen])), 4) for start in STARTS},
        "difference": round(float(np.mean([each.mean() for each in apart])), 4),
        "interval95": [round(float(value), 4) for value in np.quantile(drawn, (0.025, 0.975))],
    }


def main() -> None:
    """Measures the runs of one collection."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", choices=REAL, default="abdomen_ct", help="the collection")
    parser.add_argument("--folder", type=Path, help="where real collections lie")
    parser.add_argument("--run", type=Path, action="append", required=True, help="a run that benchmarks.space kept")
    parser.add_argument("--first-seed", type=int, default=1, help="the seed that divided the scans of the first run")
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 2], help="labelled scans to fine-tune on")
    parser.add_argument("--finetune-steps", type=int, default=600, help="of each fine-tuning")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    about = {"finetune_steps": chosen.finetune_steps}
    rows: list[dict[str, Any]] = []
    for seed, run in enumerate(chosen.run, chosen.first_seed):
        with tempfile.TemporaryDirectory() as name:
            scans = collection(chosen.data, seed, Path(name), chosen.folder)
            if scans is None:
                say(f"skipped: {chosen.data} is not there; name its folder with --folder")
                return
            data = real_folder(chosen.folder) / chosen.data
            for labels in chosen.labels:
                row: dict[str, Any] = {"seed": seed, "labels": labels}
                for key, start in STARTS.items():
                    row[key] = dice_by_scan(run, data, scans, start, labels, chosen.finetune_steps, seed, Path(name))
                rows.append(row)
                means = {str(number): compared(rows, number) for number in sorted({each["labels"] for each in rows})}
                say(json.dumps({key: means[str(labels)][key] for key in means[str(labels)]}))
                save(chosen.json, {chosen.data: means, "settings": about, "rows": rows})


if __name__ == "__main__":
    main()
