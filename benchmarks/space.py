"""What a method knows of space on scans that it was never trained on, and how far that can be trusted.

``python -m benchmarks.space --data abdomen_ct --seeds 3 --minutes 5 --json FILE``: for each seed some people are held out, a
tiny encoder is pretrained on the others with one thread, and the held-out scans are measured as `orienteer observe` measures
them. Each of them is judged by a check of headers that the others calibrated. Means over seeds, by the keys

- ``gap_over_trivial``: error of the predicted gaps over that of predicting zero;
- ``coverage90``: share of the gaps' components within their 90 % error bars, each scan with bars calibrated on the others;
- ``error_bar_rank_places``, ``error_bar_rank_scans``: Spearman correlation of error bar and error, over gaps and over scans;
- ``cosine_rank``: Spearman correlation of the cosine of two places and their distance in mm, within scans;
- ``faults_named``: share of the spoiled copies (``--faults`` per scan) whose fault is found and rightly named;
- ``sound_flagged``: share of the sound scans that are flagged.

A value is null where the model lacks the ability.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.space_data import REAL, SYNTHETIC, Collection, collection, link_scans
from benchmarks.space_values import faults_named, means, sound_flagged, space_values
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say
from orienteer.report.measure import measure_scan
from orienteer.report.new_scans import prepare_new
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import load_run
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.store.store import Store

SETTINGS: dict[str, Any] = {
    **{"encoder": "tiny", "accelerator": "cpu", "workers": 0, "prepare_workers": 0, "pictures": False},
    **{"validation_fraction": 0.01, "validation_sets": 1, "learning_rate": 1e-3},
}
"""All scans but one are trained on, since others are measured; loading is part of the processor time."""

TRIAL_STEPS = 20
"""Steps of a short run that the time of a step is measured on."""


def measure_seed(
    scans: Collection, seed: int, settings: dict[str, Any], steps: int, sets: int, faults: int, work: Path
) -> dict[str, Any]:
    """Returns the values of one seed.

    Args:
        scans: to train on, and to measure.
        seed: of the training.
        settings: of the run, beside ``SETTINGS``.
        steps: of the training.
        sets: view sets per scan.
        faults: spoiled copies per held-out scan.
        work: folder for the run and its store.
    """
    training = work / "training" if (work / "training").is_dir() else link_scans(scans.training, work / "training")
    began = time.process_time()
    out = work / f"run-{seed}"
    pretrain(
        training, out, store=str(work / "store"), seed=seed, steps=steps, validate_every=steps, **SETTINGS, **settings
    )
    seconds = time.process_time() - began
    loaded = load_run(out, device="cpu")
    heldout = discover(link_scans(scans.heldout, work / f"heldout-{seed}"), progress=False)
    new = prepare_new(loaded, heldout, work / f"heldout-store-{seed}", Selection(), workers=0)
    with Store.open(new.store) as store:
        measured = [measure_scan(loaded, read_whole(store, key), sets) for key in new.keys]
    values = {**space_values(measured), "sound_flagged": sound_flagged(measured)}
    values["faults_named"] = faults_named(loaded, measured, new, faults, sets, seed) if faults else None
    return {
        **values,
        "seed": seed,
        "steps": steps,
        "cpu_seconds": round(seconds),
        "heldout": list(new.left_out) + [source.name for source in new.sources.values()],
    }


def steps_within(minutes: float, scans: Collection, settings: dict[str, Any], work: Path) -> int:
    """Returns how many steps take so many minutes of processor time, measured in a short run."""
    training = link_scans(scans.training, work / "trial")
    steps = {"store": str(work / "store"), "validate_every": 10**6, **SETTINGS, **settings}
    pretrain(training, work / "trial-first", steps=2, **steps)  # prepares the scans
    began = time.process_time()
    pretrain(training, work / "trial-run", steps=TRIAL_STEPS, **steps)
    return max(1, round(minutes * 60 / (time.process_time() - began) * TRIAL_STEPS))


def measure(
    data: str,
    seeds: Sequence[int],
    settings: dict[str, Any],
    folder: Path | None = None,
    steps: int | None = None,
    minutes: float = 5.0,
    sets: int = 16,
    faults: int = 4,
) -> dict[str, Any] | None:
    """Returns the means over seeds and the values of each; None where the collection is not there."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for seed in seeds:
            work = Path(name, str(seed))
            scans = collection(data, seed, Path(name), folder)
            if scans is None:
                return None
            number = steps or steps_within(minutes, scans, settings, work)
            rows.append(measure_seed(scans, seed, settings, number, sets, faults, work))
            say(f"{data}, seed {seed}: {json.dumps(rows[-1])}")
    return {**means(rows), "by_seed": rows}


def main() -> None:
    """Measures one collection and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", choices=(*SYNTHETIC, *REAL), required=True, help="the collection")
    parser.add_argument("--folder", type=Path, help="where real collections lie")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them")
    parser.add_argument("--method", default="default", help="a key of METHODS")
    parser.add_argument("--set", type=json.loads, default={}, help="further settings of the run, as JSON")
    parser.add_argument("--steps", type=int, help="of each run; by default as many as --minutes take")
    parser.add_argument("--minutes", type=float, default=5.0, help="of processor time for each run")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    parser.add_argument("--faults", type=int, default=4, help="spoiled copies per held-out scan; 0 for none")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"method": chosen.method, **chosen.set}
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    values = measure(
        chosen.data, seeds, settings, chosen.folder, chosen.steps, chosen.minutes, chosen.sets, chosen.faults
    )
    if values is None:
        say(f"skipped: {chosen.data} is not there; name its folder with --folder")
        return
    print(json.dumps({chosen.data: values}, indent=2))
    save(chosen.json, {chosen.data: values, "settings": settings})


if __name__ == "__main__":
    main()
