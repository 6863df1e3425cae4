"""What an audit says of the scans of a run: in one line before training, and which scans an audit before leaves out."""

from dataclasses import replace
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import csv_rows
from orienteer.scans.source import Discovery, LeftOut, Selection
from orienteer.screening.collection import collection_of
from orienteer.screening.everywhere import said_once
from orienteer.screening.findings import Finding, counts, worst_first
from orienteer.screening.remembered import remember, remembered_facts
from orienteer.screening.rules import judge
from orienteer.screening.screen import look_at
from orienteer.store.prepare_report import PrepareReport


def without_audited(discovery: Discovery, table: str | None) -> Discovery:
    """Returns the scans of a folder without those that an audit found an error in; these are left out, with the reason.

    Args:
        discovery: the scans.
        table: audit.csv of an audit of the same folder; None leaves nothing out.

    Raises:
        InputError: no such table, or one of other scans.
    """
    if table is None:
        return discovery
    rows = csv_rows(table)
    if rows and not {"scan", "level", "kind"} <= set(rows[0]):
        got = f"one with the columns {', '.join(rows[0])[:80]}"
        raise InputError(
            f"skip_audited {table}", wanted="audit.csv of an audit", got=got, do="name audit.csv, not another table"
        )
    errors = {row["scan"]: row["kind"] for row in reversed(rows) if row["level"] == "error"}
    known = {source.name for source in discovery.sources} | {item.name for item in discovery.left_out}
    if errors and not known & set(errors):
        got = f"errors in {len(errors)} scans, none of them among these {len(known)}, first {min(errors)}"
        do = "audit the folder that is trained on: names of scans are paths inside it"
        raise InputError(f"skip_audited {table}", wanted="an audit of these scans", got=got, do=do)
    kept = tuple(source for source in discovery.sources if source.name not in errors)
    skipped = [source for source in discovery.sources if source.name in errors]
    if not kept:
        got = f"an error in each of {len(skipped)}"
        raise InputError(
            "scans",
            wanted="a scan without an error in the audit",
            got=got,
            do="correct the scans, or leave out --skip-audited",
        )
    reasons = tuple(LeftOut(s.name, f"an error in {Path(table).name}: {errors[s.name]}", len(s.files)) for s in skipped)
    return replace(discovery, sources=kept, left_out=(*discovery.left_out, *reasons))


def rules_line(
    discovery: Discovery, report: PrepareReport, selection: Selection, workers: int | None, shown: bool = True
) -> str:
    """Returns what the rules of `audit` say of the scans of a run, in one line.

    Every scan is read once more for it; what was seen is kept in the store, so that the next run reads none again.

    Args:
        discovery: the scans.
        report: of preparing them.
        selection: how they are read.
        workers: processes.
        shown: show progress.
    """
    before = remembered_facts(report.store)
    sources = [source for source in discovery.sources if source.name in report.names]
    keys = {source.name: report.names[source.name] for source in sources}
    known = {name: replace(before[key], name=name) for name, key in keys.items() if key in before}
    facts = list(look_at(sources, selection, workers, shown, known=known))
    if len(known) < len(sources):
        remember(report.store, before | {keys[each.name]: each for each in facts})
    collection = collection_of(facts)
    findings = said_once([finding for each in facts for finding in judge(each, collection)], facts)
    return _line(len(facts), worst_first(findings), len(report.failures))


def _line(scans: int, findings: tuple[Finding, ...], failed: int) -> str:
    numbers = counts(findings)
    bad = [finding for finding in findings if finding.level != "note"]
    unusable = f", and {failed} cannot be used" if failed else ""
    if not bad:
        return f"audit: the rules find nothing wrong with {scans} scans{unusable}"
    first = bad[0]
    words = f"{numbers['error']} errors and {numbers['warning']} warnings in {scans} scans{unusable}"
    return f"audit: {words}; first {first.scan}: {first.what}. `orienteer audit` shows all of them"
