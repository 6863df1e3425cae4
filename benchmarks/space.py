"""What a method knows of space on scans that it was never trained on, and how far that can be trusted.

``python -m benchmarks.space --data abdomen_ct --seeds 3 --minutes 5 --json FILE``: for each seed some people are held out, a
tiny encoder is pretrained on the others with one thread, and the held-out scans are measured as `orienteer observe` measures
them. Each of them is judged by a check of headers that the others calibrated. Means over seeds, by the keys

- ``gap_over_trivial``: error of the predicted gaps over that of predicting zero;
- ``coverage90``: share of the gaps' components within their 90 % error bars, each scan with bars calibrated on the others;
- ``error_bar_rank_places``, ``error_bar_rank_scans``: Spearman correlation of error bar and error, over gaps and over scans;
- ``cosine_rank``: Spearman correlation of the cosine of two places and their distance in mm, within scans;
- ``faults_named``: share of the spoiled copies (``--faults`` per scan) that are flagged with their fault named first;
  ``faults_in_set``: with their fault among those that are not ruled out; ``faults_flagged``: at all;
- ``faults_distinguishable``: share of them whose fault the check can tell, by its calibration; ``distinguishable_named``: of
  these, with their fault named first;
- ``sound_flagged``: share of the sound scans that are flagged.

A value is null where the model lacks the ability. ``interval95`` is that of the first by resampling seeds and scans, ``ranges``
are the lowest and highest seeds. ``--method earlier-default`` is the default of 0.1.0. ``--keep FOLDER`` keeps the runs, each
with its store and the lists of its scans. The tables of docs/results.md are made of the files in benchmarks/results/space.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.space_data import REAL, SYNTHETIC, Collection, collection, link_scans, write_lists
from benchmarks.space_intervals import summary
from benchmarks.space_values import faults_named, sound_flagged, space_values
from orienteer.methods import METHODS, listed_tasks, resolve_method
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
    **{"validation_fraction": 0.01, "validation_sets": 1},
}
"""All scans but one are trained on, since others are measured; loading is part of the processor time."""

EARLIER_DEFAULT: dict[str, Any] = {
    **{"method": "default", "only_tasks": True, "layout": "pairs", "warp": 0.0},
    **{
        "tasks": listed_tasks(resolve_method("default", earlier=True)),
        "distortion": {"mask_share": 0.4, "mask_views": 1.0},
    },
    **{"encoder_arguments": {"decoder": True}, "learning_rate": 1e-3},
}
"""The default of 0.1.0: reconstruction and place contrast on the finest level, and a tenth of the gradient of three tasks."""

TRIAL_STEPS = 32
"""Steps by which two short runs differ, from which the time of a step is measured. Baselines are fitted to as many batches."""


def measure_seed(
    scans: Collection, seed: int, settings: Mapping[str, Any], steps: int, sets: int, faults: int, work: Path
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
    training = link_scans(scans.training, work / "training")
    began = time.process_time()
    out = work / "run"
    write_lists(scans, work)
    pretrain(
        training, out, store=str(work / "store"), seed=seed, steps=steps, validate_every=steps, **SETTINGS, **settings
    )
    seconds = time.process_time() - began
    loaded = load_run(out, device="cpu")
    heldout = discover(link_scans(scans.heldout, work / "heldout"), progress=False)
    new = prepare_new(loaded, heldout, work / "heldout-store", Selection(), workers=0)
    with Store.open(new.store) as store:
        measured = [measure_scan(loaded, read_whole(store, key), sets) for key in new.keys]
    values = {**space_values(measured), "sound_flagged": sound_flagged(loaded, measured)}
    if faults:
        values |= faults_named(loaded, measured, new, faults, sets, seed)
    return {
        **values,
        "seed": seed,
        "steps": steps,
        "cpu_seconds": round(seconds),
        "heldout": list(new.left_out) + [source.name for source in new.sources.values()],
    }


def steps_within(minutes: float, scans: Collection, settings: Mapping[str, Any], work: Path) -> int:
    """Returns how many steps take so many minutes of processor time, measured in two short runs."""
    training = link_scans(scans.training, work / "training")
    steps: dict[str, Any] = {"store": str(work / "store"), "validate_every": 10**6, **SETTINGS, **settings}
    steps["header_steps"] = 0  # the reader's time is the same for all methods
    with tempfile.TemporaryDirectory() as runs:
        pretrain(training, f"{runs}/first", steps=1, **steps)  # prepares the scans
        ends = [time.process_time()]
        for times in (1, 2):
            pretrain(training, f"{runs}/{times}", steps=times * TRIAL_STEPS, **steps)
            ends.append(time.process_time())
    seconds = (ends[2] - ends[1]) - (ends[1] - ends[0])
    return max(1, round(minutes * 60 / seconds * TRIAL_STEPS))


def measure(
    data: str,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    folder: Path | None = None,
    steps: int | None = None,
    minutes: float = 5.0,
    sets: int = 16,
    faults: int = 4,
    keep: Path | None = None,
    done: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any] | None:
    """Returns the means over seeds and the values of each; None where the collection is not there.

    Args:
        data: the collection.
        seeds: of splits and trainings.
        settings: of the runs, beside ``SETTINGS``.
        folder: where real collections lie.
        steps: of each run; None for as many as ``minutes`` take.
        minutes: of processor time.
        sets: view sets per scan.
        faults: spoiled copies per held-out scan.
        keep: a folder in which runs are kept.
        done: is called with the values after every seed.
    """
    rows: list[dict[str, Any]] = []
    measured: dict[str, Any] | None = None
    with _folder(keep) as place:
        for seed in seeds:
            work = place / f"space_{data}_{seed}"
            scans = collection(data, seed, place, folder)
            if scans is None:
                return None
            steps = steps or steps_within(minutes, scans, settings, work)
            rows.append(measure_seed(scans, seed, settings, steps, sets, faults, work))
            say(f"{data}, seed {seed}: {json.dumps(rows[-1])}")
            measured = summary(rows)
            if done is not None:
                done(measured)
    return measured


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main() -> None:
    """Measures one collection and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", choices=(*SYNTHETIC, *REAL), required=True, help="the collection")
    parser.add_argument("--folder", type=Path, help="where real collections lie")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them")
    methods = (*METHODS, "earlier-default")
    parser.add_argument("--method", default="default", choices=methods, help="what is trained")
    parser.add_argument("--set", type=json.loads, default={}, help="further settings of the run, as JSON")
    parser.add_argument(
        "--steps", type=int, help="of each run; by default as many as --minutes take with the first seed"
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="of processor time for the steps of each run")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    parser.add_argument("--faults", type=int, default=4, help="spoiled copies per held-out scan; 0 for none")
    parser.add_argument("--keep", type=Path, help="a folder in which runs are kept, one folder for each seed")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings = EARLIER_DEFAULT if chosen.method == "earlier-default" else {"method": chosen.method}
    settings = {**settings, **chosen.set}
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    amounts = (chosen.steps, chosen.minutes, chosen.sets, chosen.faults)
    about = {"method": chosen.method, "minutes": None if chosen.steps else chosen.minutes, "set": chosen.set}
    about |= {"sets": chosen.sets, "faults": chosen.faults}
    values = measure(
        chosen.data,
        seeds,
        settings,
        chosen.folder,
        *amounts,
        keep=chosen.keep,
        done=lambda values: save(chosen.json, {chosen.data: values, "settings": about}),
    )
    if values is None:
        say(f"skipped: {chosen.data} is not there; name its folder with --folder")
        return
    print(json.dumps({chosen.data: values}, indent=2))


if __name__ == "__main__":
    main()
