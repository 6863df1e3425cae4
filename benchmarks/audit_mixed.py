"""A mixed folder with twelve planted faults of twelve kinds, audited as a user does it.

``python -m benchmarks.audit_mixed FOLDER --json FILE`` writes the folder ``FOLDER/scans``: abdominal CT, brain MR, synthetic
torsos, and a few scans of other kinds, each fault in one of them. ``orienteer audit FOLDER/scans --out FOLDER/audit
--anatomy false`` then judges it; the page to look at is ``FOLDER/audit/audit.html``. The scans are those that limits were not
calibrated on.
"""

import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.audit_data import DATA, PEOPLE, TRUE_OF, collection
from benchmarks.audit_faults import CT_FAULTS, FAULTS, cropped, rewindowed, write_scan, write_series
from benchmarks.command import parser_of, save
from orienteer.cli import main as orienteer
from orienteer.files import write_bytes
from orienteer.phantoms.torso import write_phantoms
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import ScanSource

COUNTS = {"abdomen_ct": 12, "brain_mr": 16, "phantoms": 12}
"""Scans of each collection."""


class Planted(NamedTuple):
    """A fault in the folder.

    Attributes:
        scan: name of the scan that has it.
        kind: that the audit should name.
        words: what was done.
    """

    scan: str
    kind: str
    words: str


def write_folder(folder: Path, work: Path) -> list[Planted]:
    """Writes the mixed folder, and returns the faults that were planted.

    Args:
        folder: a new one.
        work: for synthetic scans.
    """
    sources = dict(_sources(work))
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.files[0].resolve(), folder / name)
    if (DATA / "scans").is_dir():
        shutil.copytree(DATA / "scans", folder / "scans")
    return [*_faults(folder, sources)]


def _sources(work: Path) -> Iterator[tuple[str, ScanSource]]:
    phantoms = write_phantoms(work / "torsos", COUNTS["phantoms"], seed=11, labels=False, progress=False)
    for source in discover(phantoms[0].parent, progress=False).sources:
        yield f"phantoms/{source.name}", source
    for name in ("abdomen_ct", "brain_mr"):
        if (DATA / name).is_dir():
            for source in collection(name, work).tested[: COUNTS[name]]:
                yield f"{name}/{source.name}", source


def _faults(folder: Path, sources: dict[str, ScanSource]) -> Iterator[Planted]:
    """Plants twelve faults, each in another scan."""
    of = {name: sorted(each for each in sources if each.startswith(f"{name}/")) for name in COUNTS}
    plans = (
        ("phantoms", 0, "offset still in"),
        ("phantoms", 1, "lengths in cm"),
        ("phantoms", 2, "frame burned in"),
        ("phantoms", 3, "values clipped"),
        ("abdomen_ct", 0, "window baked in"),
        ("abdomen_ct", 1, "slices turned round"),
        ("brain_mr", 0, "voxel size doubled foot-head"),
        ("brain_mr", 1, "slices repeated"),
        ("brain_mr", 2, "noise"),
    )
    for seed, (group, number, words) in enumerate(plans):
        name = of[group][number]
        kind, plant = {**FAULTS, **CT_FAULTS}[words]
        faulty = plant(read_scan(sources[name]), np.random.default_rng(seed))
        write_scan(folder / name, faulty)
        yield Planted(name, kind, words)
    cut = of["phantoms"][4]
    content = (folder / cut).read_bytes()
    write_bytes(folder / cut, content[: len(content) // 2])
    yield Planted(cut, "unreadable", "half of the file is missing")
    series = of["abdomen_ct"][2]
    (folder / series).unlink()
    write_series(folder / "series", read_scan(sources[series]), {"0008|0060": "MR"})
    yield Planted("series", "modality", "a CT series whose tag says MR")
    twice = of["abdomen_ct"][3]
    again = rewindowed(cropped(read_scan(sources[twice])))
    write_scan(folder / "abdomen_ct" / "patient_x.mha", replace(again, modality="MR"))
    yield Planted("abdomen_ct/patient_x.mha", "duplicate", f"{twice} cropped to 60 %, in 256 grey values, as MetaImage")


def judged(rows: Sequence[Mapping[str, str]], planted: Sequence[Planted]) -> dict[str, Any]:
    """Returns which faults were found and named, and what was said of other scans.

    Args:
        rows: of audit.csv.
        planted: the faults.
    """
    bad = [row for row in rows if row["level"] in ("error", "warning")]
    table = []
    for fault in planted:
        true = TRUE_OF.get(fault.scan.split("/")[0], set()) - {fault.kind}
        kinds = sorted({row["kind"] for row in bad if _is_about(row, fault.scan)} - true)
        table.append({**fault._asdict(), "found": bool(kinds), "named": fault.kind in kinds, "said": kinds})
    others = [row for row in bad if not any(_is_about(row, fault.scan) for fault in planted)]
    people = [pair for pair in PEOPLE if any(_is_pair(row, pair) for row in others)]
    others = [row for row in others if not any(_is_pair(row, pair) for pair in PEOPLE)]
    others = [row for row in others if row["kind"] not in TRUE_OF.get(row["scan"].split("/")[0], set())]
    return {
        "planted": len(table),
        "found": sum(row["found"] for row in table),
        "named": sum(row["named"] for row in table),
        "people_found": f"{len(people)} of {len(PEOPLE)}",
        "said_of_others": [f"{row['scan']}: {row['level']}: {row['kind']}: {row['what']}" for row in others],
        "table": table,
    }


def _is_about(row: Mapping[str, str], scan: str) -> bool:
    pair = row["kind"] in ("duplicate", "same_person")
    return row["scan"].startswith(scan) or (pair and scan in row["others"].split(" | "))


def _is_pair(row: Mapping[str, str], pair: tuple[str, str]) -> bool:
    """Returns whether a row says that two scans are of one person."""
    return row["kind"] in ("same_person", "duplicate") and all(name in row["scan"] + row["others"] for name in pair)


def main() -> None:
    """Writes the folder, audits it, and prints what was found."""
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--workers", default="2", help="processes of the audit")
    chosen = parser.parse_args()
    scans, out = chosen.folder / "scans", chosen.folder / "audit"
    planted = write_folder(scans, chosen.folder / "work")
    orienteer(["audit", str(scans), "--out", str(out), "--anatomy", "false", "--workers", chosen.workers])
    with open(out / "audit.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    values = {"scans": len(discover(scans, progress=False).sources), **judged(rows, planted)}
    for row in values["table"]:
        print(row)
    print({name: value for name, value in values.items() if name != "table"})
    save(chosen.json, values)


if __name__ == "__main__":
    main()
