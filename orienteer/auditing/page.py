"""audit.html: all findings on one self-contained page, worst first; its words are in templates/audit.html.j2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orienteer.draw.pages import render
from orienteer.screening.findings import COLLECTION, KINDS, Finding, Level, counts

PAGE_FILE = "audit.html"

MOST_ROWS = 1000
"""Findings on the page; audit.csv has them all."""


@dataclass(frozen=True)
class Shown:
    """A finding on the page.

    Attributes:
        finding: what it is.
        name: its kind in words.
        evidence: its numbers in words.
        picture: where a person can see it, as a PNG file.
    """

    finding: Finding
    name: str
    evidence: str
    picture: bytes | None


@dataclass(frozen=True)
class Story:
    """Everything that the page shows.

    Attributes:
        name: of the folder of scans.
        scans: how many scans it has.
        modalities: how many of each modality.
        counts: findings of each level.
        kinds: how many findings of each kind, in words.
        scans_with: scans with a finding of each level.
        findings: worst first.
        more: how many are not shown.
        notes: sentences about how the audit was made.
        extents_png: bars of the extents; None without them.
        extents: rows of the table of extents: scan, and begin and end along each axis in mm.
        groups: groups of scans of one person or image.
        anatomy: rows of the table of headers against anatomy.
        collection: stands for the scan in findings about many.
    """

    name: str
    scans: int
    modalities: Mapping[str, int]
    counts: Mapping[Level, int]
    kinds: Sequence[tuple[str, int]]
    scans_with: Mapping[Level, int]
    findings: Sequence[Shown]
    more: int
    notes: Sequence[str]
    extents_png: bytes | None = None
    extents: Sequence[Sequence[str]] = ()
    groups: Sequence[Sequence[str]] = ()
    anatomy: Sequence[Sequence[str]] = ()
    collection: str = COLLECTION


def shown_findings(findings: Sequence[Finding], pictures: Mapping[int, bytes]) -> list[Shown]:
    """Returns the findings that the page shows."""
    return [
        Shown(finding, KINDS[finding.kind], _in_words(finding.evidence), pictures.get(number))
        for number, finding in enumerate(findings[:MOST_ROWS])
    ]


def kind_counts(findings: Sequence[Finding]) -> list[tuple[str, int]]:
    """Returns how many findings there are of each kind, in words, the most frequent first."""
    numbers = {kind: sum(each.kind == kind for each in findings) for kind in KINDS}
    return [(KINDS[kind], number) for kind, number in sorted(numbers.items(), key=lambda item: -item[1]) if number]


def scans_with(findings: Sequence[Finding]) -> dict[Level, int]:
    """Returns how many scans have a finding of each level."""
    return {
        level: len({each.scan for each in findings if each.level == level and each.scan != COLLECTION})
        for level in counts(findings)
    }


def make_page(story: Story) -> str:
    """Returns the page."""
    return render("orienteer.auditing", "audit.html.j2", story)


def _in_words(evidence: Mapping[str, float | str]) -> str:
    return ", ".join(f"{_key(key)} {_value(key, value)}" for key, value in evidence.items())


def _key(key: str) -> str:
    for ending in ("_share", "_mm", "_deg", "_HU"):
        key = key.removesuffix(ending)
    return key.replace("_", " ")


def _value(key: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if key.endswith("_share"):
        return f"{100 * value:.3g} %"
    unit = next(
        (f" {name}" for end, name in (("_mm", "mm"), ("_deg", "degrees"), ("_HU", "HU")) if key.endswith(end)), ""
    )
    return f"{value:.4g}{unit}"
