"""How well error bars cover, and how well they rank errors, on scans that a run was never trained on.

``python -m benchmarks.error_bars RUN SCANS --json FILE``: the gaps of a folder of sound scans are predicted as
`orienteer observe` predicts them. For each task, two kinds of error bars are compared, those of the predicted scale and those
of scale and spread over overlapping views: share of the errors within 90 % bars, and Spearman correlation of bar and error over
gaps and over scans, each scan with bars that were calibrated on the others. Closure and spread by themselves are compared too.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.command import parser_of, save
from orienteer.progress import tracked
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.new_scans import prepare_new
from orienteer.report.trust import Rank, bars_of, signs_of_trust
from orienteer.report.whole_scan import read_whole
from orienteer.runs.error_bars import ErrorBars, Quality
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.store.store import Store


def measured_on(loaded: LoadedRun, scans: Path, sets: int) -> list[ScanMeasurement]:
    """Returns measurements of a folder of scans, without readings of their headers."""
    with TemporaryDirectory() as folder:
        found, selection = discover(scans, progress=False), Selection(modality=loaded.config.modality)
        new = prepare_new(loaded, found, Path(folder, "store"), selection, workers=0)
        with Store.open(new.store) as store:
            return [
                measure_scan(loaded, read_whole(store, key), sets, readings=())
                for key in tracked(new.keys, "measuring", "scans")
            ]


def bar_values(scans: list[ScanMeasurement]) -> dict[str, Any]:
    """Returns coverage and rank correlations of the error bars of each task, and of the signs of trust."""
    bars = bars_of(scans)
    return {
        "scans": len(scans),
        "error_mm": _mean([scan.error_mm for scan in scans]),
        "trivial_mm": _mean([scan.trivial_mm for scan in scans]),
        "bars": {task: _kinds(each) for task, each in bars.items()},
        "signs": {
            sign.name: {"scans": _rank(sign.scans), "view_sets": _rank(sign.sets)}
            for sign in signs_of_trust(scans, bars)
        },
    }


def _kinds(bars: ErrorBars) -> dict[str, Any]:
    kinds: dict[str, Quality | None] = {
        "scale": bars,
        "scale_and_spread": bars.with_spread,
    }
    return {
        name: {
            "coverage90": _rounded(each.coverage),
            "rank_places": _rounded(each.rank_gaps),
            "rank_scans": _rounded(each.rank_scans),
        }
        for name, each in kinds.items()
        if each is not None
    }


def _rank(rank: Rank) -> dict[str, Any]:
    return {"value": _rounded(rank.value), "low": _rounded(rank.low), "high": _rounded(rank.high), "count": rank.count}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(sum(known) / len(known)) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def main() -> None:
    """Measures a run and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("run", help="run folder")
    parser.add_argument("scans", type=Path, help="folder of sound scans that it was not trained on")
    parser.add_argument("--sets", type=int, default=16, help="view sets per scan")
    chosen = parser.parse_args()
    values = bar_values(measured_on(load_run(chosen.run, device="cpu"), chosen.scans, chosen.sets))
    for name, value in values.items():
        print(name, value)
    save(chosen.json, values)


if __name__ == "__main__":
    main()
