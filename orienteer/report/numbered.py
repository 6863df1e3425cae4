"""The findings of a report with scans by number instead of by name, for a report that leaves the house."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orienteer.report.findings import Findings, ObservedScan

NOT_SHOWN = "the reason may name files: it is in the log"
"""Stands in the place of reasons."""


def numbers_of(findings: Findings, failures: Sequence[Sequence[str]]) -> dict[str, str]:
    """Returns the number of each scan by its name, those that the model was applied to first.

    Args:
        findings: with the names.
        failures: rows of failures.csv, which begin with a name.
    """
    observed = [scan.measurement.name for scan in findings.scans]
    others = [*(scan.name for scan in findings.own), *findings.left_out, *(row[0] for row in failures)]
    return {name: f"scan {number}" for number, name in enumerate(dict.fromkeys([*observed, *others]), 1)}


def numbered(findings: Findings, numbers: Mapping[str, str]) -> Findings:
    """Returns the findings without a name of a file or folder of scans in them."""
    return replace(
        findings,
        scans=tuple(_named(scan, numbers[scan.measurement.name]) for scan in findings.scans),
        own=tuple(replace(scan, name=numbers[scan.name]) for scan in findings.own),
        left_out={numbers[name]: NOT_SHOWN for name in findings.left_out},
        demonstration=tuple(
            _named(scan, f"scan, {scan.measurement.name.rpartition(', ')[2]}") for scan in findings.demonstration
        ),
    )


def numbered_rows(failures: Sequence[Sequence[str]], numbers: Mapping[str, str]) -> list[list[str]]:
    """Returns rows of failures.csv without names: number and step."""
    return [[numbers[name], step, NOT_SHOWN, ""] for name, step, *_ in failures]


def _named(scan: ObservedScan, name: str) -> ObservedScan:
    return replace(scan, measurement=replace(scan.measurement, name=name))
