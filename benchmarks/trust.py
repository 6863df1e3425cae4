"""How often a spoiled header is detected at 5 % false alarms, and how closure error correlates with true error.

``python -m benchmarks.trust --json FILE``: on synthetic torsos (a demo run is made unless one is named with ``--run``)
and, with ``--hippocampus FOLDER``, on the real MR crops of MSD Task04 (a short run is made unless ``--hippocampus-run``).
Sound scans set the threshold; other sound scans, and spoiled copies of these, are judged. Two ways are compared in the
same run: the linear map from the header's gaps to the predicted ones alone, and undoing each fault in turn.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import parser_of, save
from benchmarks.timing import timed
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.pretraining.usable import usable_scans
from orienteer.progress import Progress
from orienteer.report.demo import demo
from orienteer.report.faults import COMMON_FAULTS, Fault, write_faulty_copies
from orienteer.report.header_check import HeaderCheck, calibrate
from orienteer.report.limits import FALSE_ALARMS
from orienteer.report.linear_map import linear_map_of
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.trust import bars_of, signs_of_trust
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store

HIPPOCAMPUS_SETTINGS: dict[str, Any] = {"encoder": "tiny", "validation_fraction": 0.35, "pictures": False}


class MapAlone:
    """The simpler judge: how far a scan's linear map is from the usual one, in spreads of sound scans."""

    def __init__(self, sound: Sequence[ScanMeasurement]) -> None:
        maps = np.array([linear_map_of(scan) for scan in sound])
        self.usual, self.spread = maps.mean(axis=0), maps.std(axis=0) + 1e-6
        scores = [self._score(found, np.delete(maps, at, axis=0)) for at, found in enumerate(maps)]
        self.threshold = float(np.sort(scores)[len(scores) - max(1, int(FALSE_ALARMS * (len(scores) + 1)))])

    def flags(self, scan: ScanMeasurement) -> bool:
        """Whether a scan's map is farther off than 95 % of the sound ones."""
        return float(np.linalg.norm((linear_map_of(scan) - self.usual) / self.spread)) > self.threshold

    def _score(self, found: np.ndarray, others: np.ndarray) -> float:
        return float(np.linalg.norm((found - others.mean(axis=0)) / (others.std(axis=0) + 1e-6)))


def judge_run(loaded: LoadedRun, own: Sequence[str], sources: Sequence[ScanSource], sets: int) -> dict[str, Any]:
    """Returns what is found in sound and spoiled copies of ``sources``, scans that the run was not trained on.

    Args:
        loaded: the model.
        own: keys in the run's store of the sound scans that set the threshold.
        sources: files to copy and spoil.
        sets: view sets per scan.
    """
    store = loaded.open_store()
    sound = []
    with Progress("sound scans", len(own), unit="scans") as progress:
        for key in own:
            sound.append(measure_scan(loaded, read_whole(store, key), sets))
            progress.advance()
    check, alone = calibrate(sound), MapAlone(sound)
    assert check is not None
    rows, plain, seconds = {}, [], []
    for fault in (Fault(), *COMMON_FAULTS):
        measured = _copies(loaded, sources, fault, sets, seconds)
        rows[fault.name] = _row(fault, measured, check, alone)
        print(f"{fault.name:<36} {rows[fault.name]}", flush=True)
        plain = plain or measured
    return {
        "sound_scans_for_threshold": len(own),
        "faults": rows,
        "signs": {
            sign.name: {"scans": vars(sign.scans), "sets": vars(sign.sets)}
            for sign in signs_of_trust(plain, bars_of(sound))
        },
        "error_mm": float(np.mean([scan.error_mm for scan in plain])),
        "trivial_mm": float(np.mean([scan.trivial_mm for scan in plain])),
        "usual_map": check.usual_map.round(3).tolist(),
        "seconds_per_scan": float(np.median(seconds)),
    }


def _copies(
    loaded: LoadedRun, sources: Sequence[ScanSource], fault: Fault, sets: int, seconds: list[float]
) -> list[ScanMeasurement]:
    """Spoils, prepares and measures copies; a copy that cannot hold views is left out."""
    measured = []
    selection = Selection(modality=loaded.config.modality)
    with tempfile.TemporaryDirectory() as folder, Progress(fault.name, len(sources), unit="scans") as progress:
        for source in sources:
            write_faulty_copies(source, [fault], f"{folder}/scans", selection)
        found = discover(f"{folder}/scans", selection, progress=False)
        report = prepare_folder(found, f"{folder}/store", selection, loaded.preparation, workers=0, progress=False)
        with Store.open(f"{folder}/store") as store:
            for key in usable_scans(store, report.keys, loaded.policy, shown=False).keys:
                timing = timed(lambda key=key: measure_scan(loaded, read_whole(store, key), sets))
                measured.append(timing.result)
                seconds.append(timing.seconds)
                progress.advance()
    return measured


def _row(fault: Fault, measured: Sequence[ScanMeasurement], check: HeaderCheck, alone: MapAlone) -> dict[str, Any]:
    verdicts = [check.judge(scan) for scan in measured]
    return {
        "scans": len(measured),
        "flagged": round(float(np.mean([verdict.flagged for verdict in verdicts])), 3) if verdicts else None,
        "named_rightly": round(float(np.mean([verdict.fault == fault for verdict in verdicts])), 3)
        if verdicts and fault != Fault()
        else None,
        "flagged_by_map_alone": round(float(np.mean([alone.flags(scan) for scan in measured])), 3)
        if verdicts
        else None,
        "map_diagonal": np.mean([verdict.linear_map.diagonal() for verdict in verdicts], axis=0).round(2).tolist()
        if verdicts
        else None,
    }


def phantoms(run: str | None, count: int, sets: int, folder: Path) -> dict[str, Any]:
    """Returns the values on synthetic torsos that no run has seen."""
    if run is None:
        run = str(demo(folder / "demo", pictures=False, report=False).folder)
    loaded = load_run(run, device="cpu")
    write_phantoms(folder / "new", count, seed=20_000, labels=False, progress=False)
    own = [*sorted(loaded.validation), *sorted(loaded.training)][:40]
    return judge_run(loaded, own, discover(folder / "new", progress=False).sources, sets)


def crops(scans: Path, run: str | None, steps: int, count: int, sets: int, folder: Path) -> dict[str, Any]:
    """Returns the values on real crops: half of those held out set the threshold, the others are judged."""
    if run is None:
        run = str(pretrain(scans, folder / "crops", steps=steps, **HIPPOCAMPUS_SETTINGS).folder)
    loaded = load_run(run, device="cpu")
    heldout = sorted(loaded.validation)
    own, judged = heldout[::2], {loaded.validation[key] for key in heldout[1::2]}
    sources = [source for source in discover(scans, progress=False).sources if source.name in judged]
    return judge_run(loaded, own, sources[:count], sets)


def main() -> None:
    """Runs the benchmark and prints the measured values."""
    parser = parser_of(__doc__)
    parser.add_argument("--run", help="a demo run to use instead of making one")
    parser.add_argument("--hippocampus", type=Path, help="folder imagesTr of MSD Task04")
    parser.add_argument("--hippocampus-run", help="a run on these crops to use instead of making one")
    parser.add_argument("--only-hippocampus", action="store_true", help="leave the synthetic torsos out")
    parser.add_argument("--steps", type=int, default=1500, help="steps of the run on the crops")
    parser.add_argument("--count", type=int, default=40, help="scans to judge, and to spoil with each fault")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    chosen = parser.parse_args()
    values: dict[str, Any] = {"count": chosen.count, "sets": chosen.sets, "false_alarms_allowed": FALSE_ALARMS}
    with tempfile.TemporaryDirectory() as folder:
        if not chosen.only_hippocampus:
            values["phantoms"] = phantoms(chosen.run, chosen.count, chosen.sets, Path(folder))
        if chosen.hippocampus is not None:
            values["hippocampus"] = crops(
                chosen.hippocampus, chosen.hippocampus_run, chosen.steps, chosen.count, chosen.sets, Path(folder)
            )
    print(json.dumps(values, indent=2))
    save(chosen.json, values)


if __name__ == "__main__":
    main()
