"""How many planted faults an audit finds and rightly names, and what it says of sound scans, copies and odd ones out.

``python -m benchmarks.audit --json FILE``: faults are planted in sound scans with fixed seeds, one scan at a time among the
sound ones of its collection: abdominal CT, brain MR, synthetic torsos, and all of them with a folder of mixed scans
together. Limits come from other scans (`benchmarks.audit_calibration`). ``--parts rules,copies,odd,mixed,speed`` chooses.
Faults of headers against anatomy are measured by `benchmarks.header_faults`.
"""

import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit_data import DATA, PEOPLE, SAME_PART, TRUE_OF, collection
from benchmarks.audit_faults import CT_FAULTS, FAULTS, cropped, noised, resliced, rewindowed, write_scan, write_series
from benchmarks.command import parser_of, save
from orienteer.files import write_bytes
from orienteer.phantoms.torso import write_phantoms
from orienteer.progress import tracked
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.screening.collection import collection_of
from orienteer.screening.everywhere import said_once
from orienteer.screening.facts import Look, ScanFacts
from orienteer.screening.findings import Finding
from orienteer.screening.groups import grouped
from orienteer.screening.low_resolution import low_resolution
from orienteer.screening.outliers import descriptions, how_odd
from orienteer.screening.pairs import compare_scans
from orienteer.screening.rules import judge
from orienteer.screening.screen import screen
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.thresholds import THRESHOLDS
from orienteer.store.prepare_folder import prepare_folder

COLLECTIONS = ("abdomen_ct", "brain_mr", "phantoms")

PER_FAULT = 3
"""Scans of each collection that each fault is planted in."""

COPIED = 3
"""Scans of each collection that are copied in four ways."""


def rules(work: Path, names: Sequence[str]) -> dict[str, Any]:
    """Plants every fault in scans of each collection, and judges the sound scans too."""
    rows: list[dict[str, Any]] = []
    clean: dict[str, dict[str, Any]] = {}
    for name in names:
        sources = collection(name, work).tested
        look = Look(Selection())
        facts = [look(source).facts for source in tracked(sources, f"sound scans of {name}", "scans")]
        clean[name] = _clean(name, facts)
        for number in tracked(range(PER_FAULT), f"faults in {name}", "scans"):
            at = number * len(sources) // PER_FAULT
            scan = read_scan(sources[at])
            for words, kind, faulty in _faulty(scan, look, work / f"{name}-{number}", number):
                others = [each for each in facts if each.name != sources[at].name]
                findings = judge(faulty, collection_of([*others, faulty]))
                bad = [each.kind for each in findings if each.level != "note"]
                known = TRUE_OF.get(name, set()) - {kind}
                rows.append(
                    {
                        **{"collection": name, "fault": words, "wanted": kind, "said": bad},
                        **{"found": bool(set(bad) - known), "named": kind in bad},
                    }
                )
    return {
        "planted_found": _share([row["found"] for row in rows]),
        "planted_named": _share([row["named"] for row in rows]),
        "planted": len(rows),
        "by_fault": _by_fault(rows),
        **_sums(clean.values()),
        "clean": clean,
        "rows": rows,
    }


def _faulty(scan: Scan, look: Look, folder: Path, seed: int) -> Iterator[tuple[str, str, ScanFacts]]:
    """Yields a fault, the kind that should be named, and the facts of a scan with it, read from a file."""
    faults = {**FAULTS, **(CT_FAULTS if scan.modality == "CT" else {})}
    for number, (words, (kind, plant)) in enumerate(faults.items()):
        path = write_scan(folder / f"{number}.nii.gz", plant(scan, np.random.default_rng([seed, number])))
        yield words, kind, look(ScanSource(scan.name, "NIfTI", (path,))).facts
    for words, kind, tags, lean_mm in (
        ("modality tag wrong", "modality", {"0008|0060": "MR" if scan.modality == "CT" else "CT"}, 0.0),
        ("SpacingBetweenSlices wrong", "spacing_contradiction", {"0018|0088": f"{2 * scan.spacing_mm[2]:g}"}, 0.0),
        ("gantry tilted, positions straight", "tilt", {"0018|1120": "12"}, 0.0),
        ("gantry tilted, positions show it", "tilt", {"0018|1120": "12"}, 0.2 * scan.spacing_mm[2]),
    ):
        if scan.modality == "CT" or kind == "modality":
            series = write_series(folder / words, scan, tags, lean_mm)
            (source,) = discover(series, progress=False).sources
            yield words, kind, replace(look(source).facts, name=scan.name)
    path = folder / "0.nii.gz"
    write_bytes(path, path.read_bytes()[: path.stat().st_size // 2])
    yield "file cut short", "unreadable", look(ScanSource(scan.name, "NIfTI", (path,))).facts
    constant = replace(scan, voxels=np.full_like(scan.voxels, 7))
    path = write_scan(folder / "constant.nii.gz", constant)
    yield "empty scan", "empty", look(ScanSource(scan.name, "NIfTI", (path,))).facts


def _clean(name: str, facts: Sequence[ScanFacts]) -> dict[str, Any]:
    usual = collection_of(facts)
    findings = said_once([finding for each in facts for finding in judge(each, usual)], facts)
    true_of = TRUE_OF.get(name, set())
    false = [finding for finding in findings if finding.kind not in true_of and finding.scan in {f.name for f in facts}]
    return {
        "scans": len(facts),
        "clean_error": len(_with(false, "error")),
        "clean_warning": len(_with(false, "warning")),
        "said": sorted(f"{each.scan}: {each.kind}" for each in false if each.level != "note"),
        "true_of_collection": len({each.scan for each in findings if each.kind in true_of}),
    }


def _with(findings: Sequence[Finding], level: str) -> set[str]:
    return {finding.scan for finding in findings if finding.level == level}


def _sums(clean: Any) -> dict[str, Any]:
    parts = list(clean)
    scans = sum(part["scans"] for part in parts)
    return {name: round(sum(part[name] for part in parts) / scans, 4) for name in ("clean_error", "clean_warning")}


def _by_fault(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    names = dict.fromkeys(row["fault"] for row in rows)
    counts = {}
    for name in names:
        own = [row for row in rows if row["fault"] == name]
        counts[name] = (
            f"{sum(row['found'] for row in own)} found, {sum(row['named'] for row in own)} named of {len(own)}"
        )
    return counts


def copies(work: Path, names: Sequence[str]) -> dict[str, Any]:
    """Compares scans with copies of some: re-sliced, cropped to 60 %, noised, re-windowed in another format.

    A copy is recalled if it is in one group with its original: groups are what no split divides. Copies of one scan that
    agree better with each other than with it may leave it no registration of its own.
    """
    details: list[dict[str, Any]] = []
    recalled: list[bool] = []
    direct: list[bool] = []
    false_pairs: list[str] = []
    people: list[bool] = []
    for name in names:
        small, rng = SmallCopies(work / f"small-{name}"), np.random.default_rng(7)
        sources = collection(name, work).tested
        originals: dict[str, str] = {}
        for number, source in enumerate(tracked(sources, f"small copies of {name}", "scans")):
            scan = read_scan(source)
            small.add(source.name, low_resolution(scan))
            if number < COPIED:
                for words, copy in _copied(scan, rng):
                    path = write_scan(work / f"copies-{name}" / f"{number}-{words}.mha", copy)
                    again = read_scan(ScanSource(path.name, "MetaImage", (path,)))
                    small.add(f"{source.name}|{words}", low_resolution(again))
                    originals[f"{source.name}|{words}"] = source.name
        compared = compare_scans(small)
        alike = compared.alike()
        groups = grouped(list(alike))
        recalled += [any({copy, original} <= {*group} for group in groups) for copy, original in originals.items()]
        direct += [_together(copy, original, alike) for copy, original in originals.items()]
        known = {frozenset(pair) for pair in PEOPLE}
        for first, second in alike:
            pair = frozenset(each.split("|")[0] for each in (first, second))
            if len(pair) == 2 and frozenset(each.split(".")[0] for each in pair) not in known:
                false_pairs.append(f"{first} and {second}")
        if name == "brain_mr":
            people += [_together(f"{first}.nii.gz", f"{second}.nii.gz", alike) for first, second in PEOPLE]
        for (first, second), like in compared.likeness.items():
            details.append(
                {
                    "first": first,
                    "second": second,
                    "detail": round(like.detail, 3),
                    "turned_deg": round(like.turned_deg, 2),
                }
            )
    return {
        "duplicates_recall": _share(recalled),
        "copies": len(recalled),
        "paired_directly": sum(direct),
        "false_pairs": len(false_pairs),
        "false": false_pairs,
        "same_people_found": f"{sum(people)} of {len(people)}",
        "pairs": details,
    }


def _copied(scan: Scan, rng: np.random.Generator) -> Iterator[tuple[str, Scan]]:
    yield "resliced", resliced(scan)
    yield "cropped", cropped(scan)
    yield "noised", noised(scan, rng)
    yield "rewindowed", rewindowed(scan)


def _together(first: str, second: str, alike: Mapping[tuple[str, str], Any]) -> bool:
    return (first, second) in alike or (second, first) in alike


def odd(work: Path, names: Sequence[str]) -> dict[str, Any]:
    """Puts one to three scans of another part of the body, or modality, among the scans of one collection."""
    described: dict[str, np.ndarray] = {}
    for name in names:
        small = SmallCopies(work / f"odd-{name}")
        for source in tracked(collection(name, work, 27).tested, f"small copies of {name}", "scans"):
            small.add(source.name, low_resolution(read_scan(source)))
        described[name] = descriptions(small)[1]
    rng = np.random.default_rng(5)
    caught: list[bool] = []
    false: list[bool] = []
    rows = []
    for base, other in [pair for pair in permutations(described, 2) if {*pair} != SAME_PART]:
        for count in (1, 2, 3):
            for _ in range(5):
                chosen = rng.choice(len(described[other]), count, replace=False)
                oddness = how_odd(np.concatenate([described[base], described[other][chosen]]))[0]
                caught += (oddness[-count:] >= THRESHOLDS.outlier).tolist()
                false += (oddness[:-count] >= THRESHOLDS.outlier).tolist()
                rows.append([base, other, count, round(float(oddness[-count:].min()), 2)])
    alone = [how_odd(vectors)[0] >= THRESHOLDS.outlier for vectors in described.values()]
    return {
        "outliers_found": _share(caught),
        "outliers_tried": len(caught),
        "sound_scans": {name: len(vectors) for name, vectors in described.items()},
        "outliers_false": sum(int(flags.sum()) for flags in alone),
        "outliers_false_beside_others": f"{sum(false)} of {len(false)}",
        "least_odd": min((row[3], row[:3]) for row in rows),
        "rows_odd": rows,
    }


def mixed(work: Path, names: Sequence[str]) -> dict[str, Any]:
    """Judges all collections and a folder of mixed scans as one folder."""
    folder = work / "mixed"
    for name in names:
        for source in collection(name, work).tested:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / source.files[0].name).symlink_to(source.files[0].resolve())
    if (DATA / "scans").is_dir():
        (folder / "scans").symlink_to((DATA / "scans").resolve())
    screening = screen(folder)
    true_of = {(name, kind) for name, kinds in TRUE_OF.items() for kind in kinds}
    said = [each for each in screening.findings if (each.scan.split("/")[0], each.kind) not in true_of]
    scans = len(screening.facts)
    return {
        "mixed_scans": scans,
        "mixed_clean_error": round(len(_with(said, "error")) / scans, 4),
        "mixed_clean_warning": round(len(_with(said, "warning")) / scans, 4),
        "mixed_said": [f"{each.scan}: {each.kind}: {each.what}" for each in said if each.level != "note"],
    }


def speed(work: Path, count: int) -> dict[str, Any]:
    """Times the rules and preparing on the same synthetic scans, wall clock and processor time."""
    folder = work / "speed"
    write_phantoms(folder, count, seed=3, shape_vox=(128, 128, 128), spacing_mm=3.0, labels=False)
    seconds = {}
    for name in ("prepare", "rules", "prepare again", "rules again"):
        began, used = time.monotonic(), _cpu_seconds()
        if name.startswith("prepare"):
            prepare_folder(folder, work / name, preparation=Preparation((3.0, 3.0, 3.0)), workers=2, progress=False)
        else:
            screen(folder, workers=2, progress=False)
        seconds[name] = (time.monotonic() - began, _cpu_seconds() - used)
    ratio = [sum(seconds[f"rules{end}"][kind] for end in ("", " again")) for kind in (0, 1)]
    base = [sum(seconds[f"prepare{end}"][kind] for end in ("", " again")) for kind in (0, 1)]
    return {
        "speed_scans": count,
        "seconds": {name: round(wall, 1) for name, (wall, _) in seconds.items()},
        "cpu_seconds": {name: round(cpu, 1) for name, (_, cpu) in seconds.items()},
        "rules_to_prepare": round(ratio[0] / base[0], 2),
        "rules_to_prepare_cpu": round(ratio[1] / base[1], 2),
    }


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def main() -> None:
    """Measures and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("--parts", default="rules,copies,odd,mixed,speed", help="what to measure")
    parser.add_argument("--collections", default=",".join(COLLECTIONS), help="which collections")
    parser.add_argument("--scans", type=int, default=1000, help="synthetic scans that the rules are timed on")
    chosen = parser.parse_args()
    names = [name for name in chosen.collections.split(",") if name == "phantoms" or (DATA / name).is_dir()]
    values: dict[str, Any] = {"collections": names}
    with tempfile.TemporaryDirectory() as folder:
        for part in chosen.parts.split(","):
            work = Path(folder)
            measured = speed(work, chosen.scans) if part == "speed" else PARTS[part](work, names)
            values |= measured
            for name, value in measured.items():
                if name not in ("rows", "pairs", "rows_odd"):
                    print(f"{name:<24} {value}", flush=True)
    save(chosen.json, values)


PARTS = {"rules": rules, "copies": copies, "odd": odd, "mixed": mixed}

if __name__ == "__main__":
    main()
