"""audit.csv and audit.json: one row per finding."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orienteer.auditing.corrections import as_json
from orienteer.errors import ScanError
from orienteer.files import write_csv, write_json
from orienteer.scans.source import ScanSource
from orienteer.screening.findings import Finding, counts

CSV_FILE, JSON_FILE = "audit.csv", "audit.json"

HEAD = ("scan", "level", "kind", "what", "evidence", "sure", "certainty", "do", "correction", "others")
"""Columns of audit.csv."""


def write_tables(
    folder: Path, findings: Sequence[Finding], sources: Mapping[str, ScanSource], about: Mapping[str, Any]
) -> None:
    """Writes both tables.

    Args:
        folder: to write into.
        findings: worst first.
        sources: the scans by name, for the headers that are proposed.
        about: what else audit.json says of the collection.
    """
    write_csv(folder / CSV_FILE, HEAD, [_row(finding) for finding in findings])
    rows = [_object(finding, sources.get(finding.scan)) for finding in findings]
    write_json(folder / JSON_FILE, {**about, "counts": counts(findings), "findings": rows}, indent=1)


def _row(finding: Finding) -> list[Any]:
    return [
        finding.scan,
        finding.level,
        finding.kind,
        finding.what,
        json.dumps(_rounded(finding.evidence)),
        round(finding.sure, 3),
        finding.certainty,
        finding.do,
        finding.correction.words if finding.correction else "",
        " | ".join(finding.others),
    ]


def _object(finding: Finding, source: ScanSource | None) -> dict[str, Any]:
    row = asdict(finding) | {"evidence": _rounded(finding.evidence), "certainty": finding.certainty, "correction": None}
    row["sure"] = round(finding.sure, 3)
    if finding.correction is not None and source is not None:
        try:
            row["correction"] = as_json(source, finding.correction)
        except ScanError:  # a header that cannot be read has no affine to correct
            row["correction"] = {"words": finding.correction.words}
    return row


def _rounded(evidence: Mapping[str, float | str]) -> dict[str, float | str]:
    return {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in evidence.items()}
