"""Groups of scans of one image or person, as findings and as the table that ``--group-by`` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orienteer.files import write_csv
from orienteer.screening.confirm import Likeness
from orienteer.screening.connected import connected
from orienteer.screening.findings import Finding
from orienteer.screening.pairs import Pair
from orienteer.screening.thresholds import THRESHOLDS

GROUPS_FILE = "groups.csv"


def copy_findings(pairs: Mapping[Pair, Likeness], persons: Mapping[str, str] | None = None) -> list[Finding]:
    """Returns a finding for each pair of one image or of one person.

    Args:
        pairs: with how alike they are.
        persons: the patient of scans whose patient is known: two scans of one patient are no finding.
    """
    known = persons or {}
    findings = []
    for (first, second), like in sorted(pairs.items()):
        together = first in known and known.get(first) == known.get(second)
        same_image = like.turned_deg < THRESHOLDS.turned_deg
        if together and not same_image:
            continue
        evidence = {"detail_correlation": like.detail, "overlap_share": like.overlap}
        evidence |= {"shift_mm": like.moved_mm, "turned_deg": like.turned_deg}
        if same_image:
            alike = f"laid over each other, their detail correlates by {like.detail:.2f}"
            what = f"the same image as {second}: {alike}, and neither is turned"
            kind, do = "duplicate", "keep one, or keep both on one side of a split with --group-by groups.csv"
        else:
            alike = f"their detail correlates by {like.detail:.2f}"
            what = f"the anatomy of {second}: turned by {like.turned_deg:.1f} degrees, {alike}"
            kind, do = "same_person", "keep both on one side of a split with --group-by groups.csv"
        sure = min(0.99, 0.7 + (like.detail - THRESHOLDS.same_anatomy))
        findings.append(Finding(first, kind, "warning", what, evidence, sure, do, others=(second,)))
    return findings


def grouped(pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Returns groups of names that pairs connect.

    Example:
        >>> grouped([("a", "b"), ("c", "d"), ("b", "e")])
        [('a', 'b', 'e'), ('c', 'd')]
    """
    return sorted(connected(sorted({name for pair in pairs for name in pair}), pairs))


def write_groups(folder: Path, groups: Sequence[Sequence[str]]) -> None:
    """Writes groups.csv: scan and patient, for ``--group-by``. Without groups there is no file."""
    if groups:
        rows = [[name, f"group {number}"] for number, names in enumerate(groups, 1) for name in names]
        write_csv(folder / GROUPS_FILE, ["scan", "patient"], rows)
    else:
        (folder / GROUPS_FILE).unlink(missing_ok=True)
