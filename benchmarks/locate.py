"""How near `orienteer locate` comes to places that labels define, on scans that the run was never trained on.

``python -m benchmarks.locate --data abdomen_ct --run runs/ct --json FILE``: landmarks are the centroids of those labels that no
border of the scan cuts. Every held-out scan is a template for every other one. Without ``--run`` a tiny encoder is
pretrained for each of ``--seeds``, as in `benchmarks.space`. Means over the seeds, by the keys

- ``median_mm``, ``mean_mm``, ``p90_mm``: error with one template; ``interval_mm``: 95 % interval of the mean over target scans;
- ``registered_pairs``: error on those pairs on which affine registration is measured (``--baseline-pairs``);
- ``over_affine``: mean error over that of SimpleITK's affine registration on the same pairs;
- ``coverage90``: share of the places within their error bar;
- ``outside_recall``, ``outside_false``: of places cut away from a scan (above, below, to one side) and of places that are
  left, the share called outside the field of view;
- ``seconds_per_scan``, ``feature_seconds``: processor time of one map, and of the features of one scan;
- ``three_templates``: median, mean and coverage where three templates vote;
- ``same_person``: error at a lattice of places between two scans of one person, against rigid registration;
- ``baselines``: median, mean and seconds of each.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.command import parser_of, save
from benchmarks.locate_baselines import Measured, nearest_feature, raw_patch, registered, same_coordinates
from benchmarks.locate_cut import cut_away
from benchmarks.locate_same_person import same_person
from benchmarks.locate_scans import Measurer, centroids, labels_of, shared
from benchmarks.rows import averaged
from benchmarks.space import SETTINGS, steps_within
from benchmarks.space_data import PHANTOM_SEED, REAL, Collection, collection, link_scans
from orienteer.locating.doubt import Estimate, estimate, fused
from orienteer.locating.mapping import FoundMap, find_map
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say

HARD = "hard-phantoms"
TEST_PHANTOMS = 8
TEMPLATES = 3
"""That vote together."""

Locate = Callable[[Measured, Measured, np.ndarray], np.ndarray]


def main() -> None:
    """Measures one collection and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", choices=(*REAL, HARD), required=True, help="the collection")
    parser.add_argument("--folder", type=Path, help="where real collections lie")
    parser.add_argument(
        "--run", type=Path, action="append", default=[], help="a run, trained on others than its seed's held-out"
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many runs are trained, where none is given")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed that divided the scans of the first run")
    parser.add_argument("--minutes", type=float, default=5.0, help="of processor time for each training")
    parser.add_argument("--pairs", type=int, help="ordered pairs, drawn by the seed; by default all")
    parser.add_argument(
        "--baseline-pairs", type=int, default=8, help="of these, pairs that registration is measured on"
    )
    parser.add_argument(
        "--spline-pairs", type=int, default=4, help="pairs that registration by B-splines is measured on"
    )
    parser.add_argument("--scans", type=int, help="held-out scans to measure on; by default all")
    parser.add_argument("--cut-scans", type=int, default=4, help="scans of which parts are cut away")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(len(chosen.run) or chosen.seeds):
            seed, work = chosen.first_seed + number, Path(name, str(number))
            work.mkdir()
            scans = _collection(chosen.data, seed, Path(name), chosen.folder)
            if scans is None:
                say(f"skipped: {chosen.data} is not there; name its folder with --folder")
                return
            run = chosen.run[number] if chosen.run else _trained(scans, seed, chosen.minutes, work)
            baselines = (chosen.baseline_pairs, chosen.spline_pairs)
            files = scans.heldout[: chosen.scans]
            rows.append(measure(run, files, work, seed, chosen.pairs, baselines, chosen.cut_scans))
            say(f"{chosen.data}, seed {seed}: {json.dumps(rows[-1])}")
            save(chosen.json, {chosen.data: {**averaged(rows), "by_seed": rows}})
    print(json.dumps({chosen.data: {**averaged(rows), "by_seed": rows}}, indent=2))


def measure(
    run: Path,
    files: Sequence[Path],
    work: Path,
    seed: int,
    pairs: int | None,
    baseline_pairs: tuple[int, int],
    cut_scans: int,
) -> dict[str, Any]:
    """Returns the values of one run.

    Args:
        run: the run folder.
        files: scans that it was not trained on, with label maps in a folder beside theirs.
        work: folder for the store.
        seed: draws pairs and templates.
        pairs: how many; None for all.
        baseline_pairs: how many of them are registered too, by an affine map and by B-splines.
        cut_scans: scans of which parts are cut away.
    """
    measurer, rng = Measurer(run), np.random.default_rng(seed)
    scans = measurer.measured(files, [centroids(labels_of(file)) for file in files], work / "whole")
    every = [(a, b) for a in range(len(scans)) for b in range(len(scans)) if a != b]
    drawn = [every[number] for number in rng.permutation(len(every))[:pairs]]
    maps: dict[tuple[int, int], FoundMap] = {}
    seconds = []
    for pair in drawn:
        begun = time.process_time()
        maps[pair] = find_map(scans[pair[0]].field, scans[pair[1]].field)
        seconds.append(time.process_time() - begun)
    single = [_single(scans[a], scans[b], maps[a, b]) for a, b in drawn]
    errors = np.concatenate([each[0] for each in single])
    within = np.concatenate([each[0] <= each[1] for each in single])
    by_target = [float(np.mean(np.concatenate([each[0] for each, (_, b) in zip(single, drawn, strict=True) if b == target])))
                 for target in range(len(scans)) if any(b == target for _, b in drawn)]  # fmt: skip
    baselines = _baselines(scans, drawn, baseline_pairs)
    ours = np.concatenate([single[number][0] for number in range(min(baseline_pairs[0], len(drawn)))] or [np.zeros(0)])
    affine = baselines.get("affine registration", {}).get("mean_mm")
    return {
        "seed": seed,
        "places": len(errors),
        **_summary(errors),
        "interval_mm": _interval(by_target, rng),
        "pairs": len(drawn),
        "registered_pairs": _summary(ours) if len(ours) else None,
        "over_affine": round(float(ours.mean()) / affine, 3) if affine else None,
        "coverage90": round(float(within.mean()), 3),
        **cut_away(measurer, scans, cut_scans, work, rng),
        "seconds_per_scan": round(float(np.mean(seconds)), 2),
        "feature_seconds": round(float(np.mean([scan.feature_seconds for scan in scans])), 2),
        "three_templates": _voted(scans, maps, rng),
        "same_person": same_person(scans),
        "baselines": baselines,
    }


def _collection(data: str, seed: int, work: Path, folder: Path | None) -> Collection | None:
    scans = collection(data, seed, work, folder)
    if data != HARD or scans is None:
        return scans
    test = write_phantoms(work / f"test-{seed}", TEST_PHANTOMS, PHANTOM_SEED + 1 + seed, hard=True)
    return Collection(scans.training, tuple(test))


def _trained(scans: Collection, seed: int, minutes: float, work: Path) -> Path:
    settings: dict[str, Any] = {"method": "default"}
    steps = steps_within(minutes, scans, settings, work)
    folder = link_scans(scans.training, work / "training")
    pretrain(folder, work / "run", store=str(work / "store"), seed=seed, steps=steps, validate_every=steps,
             **SETTINGS, **settings)  # fmt: skip
    return work / "run"


def _single(template: Measured, scan: Measured, found: FoundMap) -> tuple[np.ndarray, np.ndarray]:
    """Returns errors and error bars of the places that both scans have."""
    points, truth = shared(template, scan)
    estimates = estimate(found, points)
    errors = [float(np.linalg.norm(each.point_mm - true)) for each, true in zip(estimates, truth, strict=True)]
    return np.array(errors), np.array([each.error_bar_mm for each in estimates])


def _voted(
    scans: Sequence[Measured], maps: dict[tuple[int, int], FoundMap], rng: np.random.Generator
) -> dict[str, float] | None:
    errors, bars = [], []
    for target, scan in enumerate(scans):
        sources = [a for a, b in maps if b == target]
        if len(sources) < TEMPLATES:
            continue
        for _ in range(3):
            chosen = rng.permutation(sources)[:TEMPLATES].tolist()
            for value, true in scan.marks_mm.items():
                votes: list[Estimate] = [
                    estimate(maps[a, target], scans[a].marks_mm[value][None])[0]
                    for a in chosen
                    if value in scans[a].marks_mm
                ]
                if len(votes) == TEMPLATES:
                    one = fused(votes)
                    errors.append(float(np.linalg.norm(one.point_mm - true)))
                    bars.append(one.error_bar_mm)
    if not errors:
        return None
    return {**_summary(np.array(errors)), "coverage90": round(float(np.mean(np.array(errors) <= bars)), 3)}


def _baselines(
    scans: Sequence[Measured], pairs: Sequence[tuple[int, int]], registrations: tuple[int, int]
) -> dict[str, Any]:
    methods: dict[str, tuple[Locate, int]] = {
        "same coordinates": (same_coordinates, len(pairs)),
        "raw patch": (raw_patch, registrations[0]),
        "nearest feature": (nearest_feature, len(pairs)),
        "affine registration": (lambda a, b, points: registered(a, b, points, bends=False), registrations[0]),
        "affine and B-spline registration": (
            lambda a, b, points: registered(a, b, points, bends=True),
            registrations[1],
        ),
    }
    values = {}
    for name, (locate, count) in methods.items():
        errors, seconds = [], []
        for a, b in pairs[:count]:
            points, truth = shared(scans[a], scans[b])
            begun = time.process_time()
            errors.append(np.linalg.norm(locate(scans[a], scans[b], points) - truth, axis=1))
            seconds.append(time.process_time() - begun)
        if errors:
            values[name] = {
                **_summary(np.concatenate(errors)), "seconds": round(float(np.mean(seconds)), 2), "pairs": len(errors)
            }  # fmt: skip
    return values


def _interval(means: Sequence[float], rng: np.random.Generator) -> list[float] | None:
    """Returns the 95 % bootstrap interval of the mean over scans."""
    if len(means) < 2:
        return None
    drawn = rng.choice(means, (2000, len(means))).mean(1)
    return [round(float(value), 2) for value in np.quantile(drawn, (0.025, 0.975))]


def _summary(errors: np.ndarray) -> dict[str, float]:
    return {
        "median_mm": round(float(np.median(errors)), 2),
        "mean_mm": round(float(errors.mean()), 2),
        "p90_mm": round(float(np.quantile(errors, 0.9)), 2),
    }


if __name__ == "__main__":
    main()
