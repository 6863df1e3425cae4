"""Writes what an audit found: the page, the tables, the groups, the extents, corrected copies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orienteer.auditing.across import Seen
from orienteer.auditing.anatomy import Anatomy
from orienteer.auditing.corrections import write_corrected
from orienteer.auditing.cropping import write_cropped
from orienteer.auditing.extent_bars import draw_extents
from orienteer.auditing.page import PAGE_FILE, Story, kind_counts, make_page, scans_with, shown_findings
from orienteer.auditing.pictures import draw_findings
from orienteer.auditing.tables import write_tables
from orienteer.cluster.connect import Cluster
from orienteer.files import write_json, write_text
from orienteer.progress import say
from orienteer.scans.person_names import warn_of_persons
from orienteer.scans.source import Selection
from orienteer.screening.extents import extents_json
from orienteer.screening.findings import LEVELS, Finding, counts
from orienteer.screening.groups import write_groups
from orienteer.screening.screen import Screening

EXTENTS_FILE = "extents.json"

NOTES = (
    "Every scan was read once. The limits of the rules come from a calibration on other scans; the page Auditing says which.",
    "Voxel sizes and extents are compared with those of the other scans of a modality, where there are at least eight.",
)


@dataclass(frozen=True)
class Results:
    """All that an audit found.

    Attributes:
        scans: the folder of scans.
        screening: what files alone say.
        seen: what comparing scans shows.
        anatomy: what models read off the anatomy.
        findings: of all three, worst first.
    """

    scans: Path
    screening: Screening
    seen: Seen
    anatomy: Anatomy
    findings: tuple[Finding, ...] = field(default=())


def write_results(
    folder: Path,
    results: Results,
    selection: Selection,
    pictures: bool,
    workers: int | None,
    cluster: Cluster | None = None,
) -> None:
    """Writes audit.html, audit.csv, audit.json, and groups.csv and extents.json where scans were compared."""
    findings, screening = results.findings, results.screening
    sources = {source.name: source for source in screening.sources}
    drawn = draw_findings(findings, sources, selection, workers, cluster) if pictures else {}
    warn_of_persons(sources, "the page and tables show", "rename them")
    write_tables(folder, findings, sources, {"scans": len(screening.facts)})
    write_groups(folder, results.seen.groups)
    if results.seen.extents:
        write_json(folder / EXTENTS_FILE, extents_json(results.seen.extents, findings), indent=1)
    write_text(folder / PAGE_FILE, make_page(_story(results, drawn)))
    say(_summary(folder, results))


def write_fixed(folder: str | Path, results: Results, selection: Selection) -> None:
    """Writes corrected copies into a new folder."""
    sources = {source.name: source for source in results.screening.sources}
    fixed = write_corrected(folder, sources, results.findings, selection)
    say(f"{len(fixed)} corrected copies in {folder}; the originals are as they were")


def write_crops(folder: str | Path, results: Results, selection: Selection) -> None:
    """Writes copies that are cut to the common extent into a new folder."""
    sources = {source.name: source for source in results.screening.sources}
    cropped = write_cropped(folder, sources, results.seen.extents, results.findings, selection)
    without = len(sources) - len(cropped)
    said = (
        f"{without} scans have none: they share no part with others, or have an error"
        if without
        else "every scan has one"
    )
    say(f"{len(cropped)} cropped copies in {folder}; {said}. The originals are as they were")


def _story(results: Results, drawn: Mapping[int, bytes]) -> Story:
    screening, seen, findings = results.screening, results.seen, results.findings
    read = Counter(facts.modality or "unreadable" for facts in screening.facts)
    shown = shown_findings(findings, drawn)
    marked = frozenset(each.scan for each in findings if each.level != "note")
    return Story(
        name=results.scans.resolve().name,
        scans=len(screening.facts),
        modalities=dict(read.most_common()),
        counts=counts(findings),
        kinds=kind_counts(findings),
        scans_with=scans_with(findings),
        findings=shown,
        more=len(findings) - len(shown),
        notes=(*NOTES, *seen.notes, *results.anatomy.notes),
        extents_png=draw_extents(seen.extents, marked) if len(seen.extents) > 1 else None,
        groups=[(f"group {number}", ", ".join(names)) for number, names in enumerate(seen.groups, 1)],
        anatomy=results.anatomy.rows,
    )


def _summary(folder: Path, results: Results) -> str:
    numbers = counts(results.findings)
    levels = ", ".join(f"{numbers[level]} {level}{'' if numbers[level] == 1 else 's'}" for level in LEVELS)
    first: Sequence[Finding] = [each for each in results.findings if each.level != "note"][:5]
    lines = [f"  {each.level}: {each.scan}: {each.what}" for each in first]
    return "\n".join([f"{len(results.screening.facts)} scans: {levels}; see {folder / PAGE_FILE}", *lines])
