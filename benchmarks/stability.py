"""Does pretraining ever diverge or collapse? Many seeds of a short run on synthetic torsos, one row each.

``python -m benchmarks.stability --seeds 20 --steps 300 --method default --out benchmarks/results/stability.csv``. Rows in the
table are not measured again, so that the same command resumes where it was stopped; other methods add rows.

*Diverged*: the run stopped at a loss that is not finite, or ended with one. *Collapsed*: the vectors of held-out views lie on
little more than a line (effective rank below two), or no metric is better than its baseline. The effective rank is the
exponential of the entropy of the singular values of the centred vectors (Roy and Vetterli, EUSIPCO 2007; as a test of
collapse: Garrido et al., *RankMe*, ICML 2023).
"""

import argparse
import csv
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.results_tables import STABILITY_FILE, TABLES
from benchmarks.rows import read_rows
from orienteer.errors import TrainingStopped
from orienteer.features.pretrained import load
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say
from orienteer.store.store import Store

COLUMNS = (
    *("seed", "method", "steps", "first_loss", "last_loss", "figure", "value", "trivial"),
    *("effective_rank", "untrained_rank", "diverged", "collapsed"),
)
SCANS, PHANTOM_SEED = 24, 5_000
LEAST_RANK = 2.0
SETTINGS: dict[str, Any] = {
    **{
        "encoder": "tiny",
        "encoder_arguments": {"stem_stride": 2},
        "validation_fraction": 0.25,
        "validation_sets": 8,
        "batch": 2,
    },
    **{"workers": 0, "prepare_workers": 0, "pictures": False, "accelerator": "cpu"},
}


def measure_seed(scans: Path, store: Path, method: str, steps: int, seed: int, out: Path) -> dict[str, Any]:
    """Returns the row of one seed.

    Args:
        scans: folder of scans.
        store: of prepared scans, shared by all seeds.
        out: run folder to make.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"seed": seed, "method": method, "steps": steps, "diverged": "no", "collapsed": "no"}
    every = {"validate_every": max(1, steps // 10), "steps": steps, "seed": seed, "method": method}
    try:
        run = pretrain(scans, out, store=str(store), **SETTINGS, **every)
    except TrainingStopped:
        return {**row, "diverged": "yes"}
    losses = heldout_losses(out / "metrics.jsonl")
    heldout = run.summary["heldout"]
    metric, value, baseline = headline(heldout)
    trained, untrained = heldout_ranks(out, store)
    row |= {"first_loss": losses[0], "last_loss": losses[-1], "figure": metric, "value": value, "trivial": baseline}
    row |= {"effective_rank": trained, "untrained_rank": untrained}
    row["diverged"] = _yes(not math.isfinite(losses[-1]))
    row["collapsed"] = _yes(trained < LEAST_RANK or not beats_a_baseline(heldout))
    return row


def effective_rank(vectors: Float[np.ndarray, "views channels"]) -> float:
    """Returns how many directions the vectors use: 1 on a line, the number of channels if all directions are equal.

    Example:
        >>> round(effective_rank(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 3)
        2.0
        >>> effective_rank(np.ones((4, 2)))
        0.0
    """
    lengths = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False).astype(float)
    if not lengths.sum() > 1e-6:
        return 0.0
    shares = lengths[lengths > 0] / lengths.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def heldout_ranks(run: Path, store: Path) -> tuple[float, float]:
    """Returns the effective rank of the vectors of all held-out views, trained and with fresh weights."""
    keys = [row["key"] for row in json.loads((run / "split.json").read_text())["validation"]]
    trained = load(run)
    ranks = []
    with Store.open(store) as reader:
        for frozen in (trained, trained.random_twin()):
            vectors = [frozen.view_vectors(reader, key, overlap=0.5).vectors for key in keys]
            ranks.append(effective_rank(np.concatenate(vectors)))
    return ranks[0], ranks[1]


def heldout_losses(file: Path) -> list[float]:
    """Returns the total held-out loss at every validation, from a run's metrics.jsonl."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [row["loss"] for row in rows if row["part"] == "heldout"]


def headline(heldout: Mapping[str, float]) -> tuple[str, Any, Any]:
    """Returns name and value of the first metric in mm with a baseline, or else of the first with one, and the baseline.

    Example:
        >>> headline({"a_accuracy": 0.9, "a_accuracy_trivial": 0.5, "gap_error_mm": 2.0, "gap_error_mm_trivial": 8.0})
        ('gap_error_mm', 2.0, 8.0)
    """
    names = sorted((name for name in heldout if f"{name}_trivial" in heldout), key=lambda name: "_mm" not in name)
    return (names[0], heldout[names[0]], heldout[f"{names[0]}_trivial"]) if names else ("", "", "")


def beats_a_baseline(heldout: Mapping[str, float]) -> bool:
    """Returns whether any metric is better than its baseline; True where no metric has one.

    Example:
        >>> beats_a_baseline({"a_accuracy": 0.4, "a_accuracy_trivial": 0.5}), beats_a_baseline({"loss": 1.0})
        (False, True)
    """
    names = [name for name in heldout if f"{name}_trivial" in heldout]
    signs = {name: 1 if name.endswith("_accuracy") else -1 for name in names}
    return not names or any(signs[name] * (heldout[name] - heldout[f"{name}_trivial"]) > 0 for name in names)


def append(file: Path, row: Mapping[str, Any]) -> None:
    """Appends one row to the table, after a header line if it is new."""
    new = not file.is_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a", newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.5g}" if isinstance(value, float) else value for key, value in row.items()})


def measure(seeds: int, steps: int, method: str, file: Path, count: int = SCANS) -> None:
    """Measures all seeds that are not in the table yet."""
    done = {(row["seed"], row["method"], row["steps"]) for row in read_rows(file)}
    missing = [seed for seed in range(seeds) if (str(seed), method, str(steps)) not in done]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if missing:
            write_phantoms(folder / "scans", count, PHANTOM_SEED, (48, 48, 64), 6.0, labels=False, progress=False)
        for seed in missing:
            row = measure_seed(folder / "scans", folder / "store", method, steps, seed, folder / f"run-{seed}")
            append(file, row)
            say(f"seed {seed}: {row}")


def main() -> None:
    """Measures the seeds that the table does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--steps", type=int, default=300, help="of each run")
    parser.add_argument("--method", default="default", help="a key of METHODS")
    parser.add_argument("--out", type=Path, default=TABLES / STABILITY_FILE, help="the table")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measure(options.seeds, options.steps, options.method, options.out)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


if __name__ == "__main__":
    main()
