"""Derives the limits of the rules of audit from scans that its benchmark does not use.

``python -m benchmarks.audit_calibration --csv FILE``: each limit lies between what sound scans reach and what scans with the
fault planted reach: at the geometric mean of the two, where they are apart. Synthetic torsos, hippocampus crops, and the first
eight scans of abdominal CT and of brain MR.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from pathlib import Path

import numpy as np

from benchmarks.audit_data import SAME_PART, TRUE_OF, collection
from benchmarks.audit_faults import CT_FAULTS, FAULTS, cropped, noised, rescanned, resliced, rewindowed
from benchmarks.command import parser_of
from orienteer.files import write_csv
from orienteer.progress import tracked
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan
from orienteer.screening.collection import collection_of
from orienteer.screening.confirm import LEVELS, confirm
from orienteer.screening.facts import ScanFacts, facts_of
from orienteer.screening.low_resolution import low_resolution
from orienteer.screening.outliers import descriptions, how_odd
from orienteer.screening.shifts import best_shifts
from orienteer.screening.slice_facts import ENOUGH_SLICES
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.thresholds import THRESHOLDS
from orienteer.screening.value_rules import MOST_LABELS

SETS = ("phantoms", "hippocampus", "abdomen_ct", "brain_mr")

CROPS = {"hippocampus"}
"""Crops about one organ: how long they are says nothing about extents of bodies."""

COPIED = 2
"""Scans of each collection that are registered with copies of themselves, and with themselves as if scanned again."""

PER_FAULT = 2
"""Scans of each collection that each fault is planted in."""

STATISTICS = {
    "like_hu": ("hu_offset", "offset still in", lambda facts: _like_hu(facts)),
    "shift_gain": ("hu_offset", "offset still in", lambda facts: _gain(facts)),
    "peak": ("hu_offset", "offset still in", lambda facts: facts.values.peak),
    "baked_at_ends": ("window_baked", "window baked in", lambda facts: _baked(facts)),
    "at_highest": ("clipped", "values clipped", lambda facts: facts.values.at_highest),
    "empty_slices": ("empty_slices", "slices empty", lambda facts: facts.slices.empty / facts.slices.slices),
    "disorder": ("slices_out_of_order", "slices turned round", lambda facts: facts.slices.disorder),
    "ripple": ("interpolated", "from thick slices", lambda facts: _ripple(facts)),
    "burned": ("burned_in", "frame burned in", lambda facts: float(facts.values.burned)),
}
"""For each limit: the kind of finding, the fault that is planted, and the number that both are compared by."""

FLOORS = {
    "shift_gain": 0.1,
    "baked_at_ends": 1e-4,
    "at_highest": 1e-4,
    "empty_slices": 0.05,
    "disorder": 0.05,
    "ripple": 0.05,
    "burned": 1.0,
}
"""Sound scans that reach nothing count as this: the geometric mean needs a number."""


def _like_hu(facts: ScanFacts) -> float:
    """Returns the share of voxels that look like HU with an offset removed; 0 where none looks better than the values do."""
    assert facts.values is not None
    return facts.values.like_hu if facts.values.shift else 0.0


def _gain(facts: ScanFacts) -> float:
    """Returns by how much a scan looks more like HU with an offset removed, if it looks like HU at all then."""
    values = facts.values
    assert values is not None
    like = values.like_hu >= THRESHOLDS.like_hu and values.peak >= THRESHOLDS.peak
    return values.like_hu - values.like_hu_as_is if like else 0.0


def _ripple(facts: ScanFacts) -> float | None:
    """Returns the ripple; None for stacks of too few slices to see one."""
    assert facts.across is not None
    assert facts.slices is not None
    return facts.across.ripple if facts.slices.slices - facts.slices.empty >= ENOUGH_SLICES else None


def _baked(facts: ScanFacts) -> float:
    values = facts.values
    assert values is not None
    bounded = values.lowest >= 0 and values.highest <= 255 and values.distinct > MOST_LABELS
    return values.at_highest if bounded else 0.0


def measured() -> Iterator[tuple[str, str, ScanFacts]]:
    """Yields the facts of sound scans ("") and of scans with a fault, each with its collection."""
    with tempfile.TemporaryDirectory() as work:
        for name in SETS:
            sources = collection(name, Path(work)).calibration
            for number, source in enumerate(tracked(sources, f"calibrating on {name}", "scans")):
                scan = read_scan(source)
                yield name, "", facts_of(scan)
                if number < PER_FAULT:
                    rng = np.random.default_rng([number, len(name)])
                    faults = {**FAULTS, **(CT_FAULTS if scan.modality == "CT" else {})}
                    for words, (_, plant) in faults.items():
                        if "lengths" not in words and "voxel size" not in words:
                            yield name, words, facts_of(plant(scan, rng))


def limits_of_rules() -> list[list[object]]:
    """Returns a row for each limit: its name, what sound scans reach at most, faulty ones at least, and the limit."""
    sound, faulty = defaultdict(list), defaultdict(list)
    smooth: tuple[list[float], list[float]] = ([], [])
    for name, words, facts in measured():
        if words in ("", "noise") and facts.slices is not None:
            smooth[words == "noise"].append(facts.slices.smoothness)
        for limit, (kind, fault, value) in STATISTICS.items():
            number = value(facts)
            if number is not None and words == "" and kind not in TRUE_OF.get(name, ()):
                sound[limit].append(number)
            elif number is not None and (
                words.startswith(fault) or (limit == "disorder" and words == "slices interleaved")
            ):
                faulty[limit].append(number)
    rows = [_row(limit, max(sound[limit]), min(faulty[limit]), FLOORS.get(limit, 0.0)) for limit in STATISTICS]
    rows.append(["smoothness", min(smooth[0]), max(smooth[1]), (min(smooth[0]) + max(0.0, max(smooth[1]))) / 2])
    return rows


def _row(limit: str, most: float, least: float, floor: float) -> list[object]:
    if limit == "peak":  # offsets are looked for where the gain is large: MR reaches any peak by chance
        return [limit, "", least, 0.75 * least]
    return [limit, most, least, float(np.sqrt(max(most, floor) * max(least, floor)))]


def limits_of_lengths() -> list[list[object]]:
    """Returns the limits of lengths that are far from the usual ones: sound scans against a doubled voxel size, and a scan
    of which the upper two thirds are missing."""
    sound, faulty = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as work:
        for name in [name for name in SETS if name not in CROPS]:
            scans = [read_scan(source) for source in collection(name, Path(work)).calibration]
            facts = [facts_of(scan) for scan in scans]
            for each in facts:
                for limit, away in _oddness(each, facts).items():
                    sound[limit].append(away)
            for number, scan in enumerate(tracked(scans, f"lengths of {name}", "scans")):
                others = facts[:number] + facts[number + 1 :]
                for limit, spoiled in (("odd_voxel_size", _doubled(scan)), ("odd_extent", _lower_third(scan))):
                    spoiled_facts = facts_of(spoiled)
                    faulty[limit].append(_oddness(spoiled_facts, [*others, spoiled_facts])[limit])
    return [_row(limit, max(sound[limit]), min(faulty[limit]), 1.0) for limit in ("odd_voxel_size", "odd_extent")]


def _oddness(facts: ScanFacts, all_facts: list[ScanFacts]) -> dict[str, float]:
    """Returns by limit how many deviations the oddest length of a scan is off, and 0 where others have it too."""
    usual = collection_of(all_facts).usual[facts.modality or ""]
    assert facts.spacing_mm is not None
    assert facts.body_mm is not None
    odd = {"odd_voxel_size": usual.oddest_spacing(facts.spacing_mm), "odd_extent": usual.oddest_body(facts.body_mm)}
    return {limit: abs(each.deviations) if each.rare else 0.0 for limit, each in odd.items()}


def _doubled(scan: Scan) -> Scan:
    left, deep, high = scan.spacing_mm
    return replace(scan, spacing_mm=(left, deep, 2 * high))


def _lower_third(scan: Scan) -> Scan:
    return replace(scan, voxels=np.ascontiguousarray(scan.voxels[:, :, : scan.voxels.shape[2] // 3]))


def limits_of_pairs() -> list[list[object]]:
    """Returns the limits of copies and of odd scans: different people against copies, and scans against intruders."""
    seen = _Pairs()
    described: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as work:
        for name in SETS:
            copies, rng = SmallCopies(Path(work, name)), np.random.default_rng(len(name))
            sources = collection(name, Path(work)).calibration
            for source in sources:
                copies.add(source.name, low_resolution(read_scan(source)))
            described[name] = descriptions(copies)[1]
            for source in sources[:COPIED]:
                for words, copy in _copies(read_scan(source), rng):
                    copies.add(f"{source.name}|{words}", low_resolution(copy))
            _compare(copies, seen)
            print(
                name, f"different people up to {max(seen.different):.3f}, copies from {min(seen.same):.3f}", flush=True
            )
    odd = max(float(how_odd(vectors)[0].max()) for vectors in described.values())
    intruders = [
        how_odd(np.concatenate([described[base], described[other][list(chosen)]]))[0][-count:].min()
        for base, other in permutations(described, 2)
        if {base, other} != SAME_PART
        for count in (1, 2, 3)
        for chosen in combinations(range(len(described[other])), count)
    ]
    turned, again = max(seen.turned), min(seen.turned_again)
    return [
        ["promising", "", min(seen.agreement), 0.75 * min(seen.agreement)],
        ["early", "", min(seen.same_coarsely), 0.85 * min(seen.same_coarsely)],
        ["same_anatomy", max(seen.different), min(seen.same), (max(seen.different) + min(seen.same)) / 2],
        ["turned_deg", turned, again, float(np.sqrt(turned * again))],
        ["outlier", odd, float(min(intruders)), float(np.sqrt(odd * min(intruders)))],
    ]


@dataclass
class _Pairs:
    """What pairs of the calibration reach: agreement at a coarse step, detail, and degrees."""

    agreement: list[float] = field(default_factory=list)
    same_coarsely: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    different: list[float] = field(default_factory=list)
    turned: list[float] = field(default_factory=list)
    turned_again: list[float] = field(default_factory=list)


def _compare(copies: SmallCopies, seen: _Pairs) -> None:
    """Registers each copy with its original, and each scan with the two other people that it agrees best with."""
    names = list(copies.names)
    places = [copies.path(name) for name in names]
    shifts = best_shifts(places)
    best: dict[int, list[tuple[float, tuple[int, int]]]] = defaultdict(list)
    for (i, j), shift in shifts.items():
        first, second = names[i].split("|"), names[j].split("|")
        if first[0] == second[0] and len(first) + len(second) == 3:
            seen.agreement.append(shift.agreement)
            seen.same_coarsely.append(confirm(places[i], places[j], shift, levels=LEVELS[:1]).detail)
            like = confirm(places[i], places[j], shift, early=-1.0)
            seen.same.append(like.detail)
            (seen.turned_again if "rescanned" in (first + second) else seen.turned).append(like.turned_deg)
        elif len(first) + len(second) == 2:
            for number in (i, j):
                best[number].append((shift.agreement, (i, j)))
    for pair in {pair for each in best.values() for _, pair in sorted(each)[-2:]}:
        seen.different.append(confirm(places[pair[0]], places[pair[1]], shifts[pair], early=-1.0).detail)


def _copies(scan: Scan, rng: np.random.Generator) -> Iterator[tuple[str, Scan]]:
    yield "resliced", resliced(scan)
    yield "cropped", cropped(scan)
    yield "noised", noised(scan, rng)
    yield "rewindowed", replace(rewindowed(scan), modality="MR")
    yield "rescanned", rescanned(scan, rng)


def main() -> None:
    """Prints the limits and writes them where ``--csv`` names a file."""
    parser = parser_of(__doc__)
    parser.add_argument("--csv", type=Path, help="write the table here")
    parser.add_argument("--parts", default="rules,lengths,pairs", help="some of them, with commas")
    chosen = parser.parse_args()
    rows: list[list[object]] = []
    if "rules" in chosen.parts:
        rows += limits_of_rules()
    if "lengths" in chosen.parts:
        rows += limits_of_lengths()
    if "pairs" in chosen.parts:
        rows += limits_of_pairs()
    for row in rows:
        print("  ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    if chosen.csv is not None:
        shown = [
            [row[0], *(f"{value:.4g}" if isinstance(value, float) else value for value in row[1:])] for row in rows
        ]
        write_csv(chosen.csv, ["limit", "sound scans reach", "faulty scans reach", "between them"], shown)


if __name__ == "__main__":
    main()
