"""report.html: one self-contained page that tells a person what a run has learned, in plain words and pictures."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from orienteer.draw.markup import Part, figure, heading, notice, page, paragraph, percent, strip, table
from orienteer.errors import InputError
from orienteer.methods import METHODS
from orienteer.report import header_section as header_words
from orienteer.report.curves import draw_curves, in_person_units, over_time, read_metrics, rivals_of
from orienteer.report.findings import Findings, ObservedScan, flags
from orienteer.runs.folder import FAILURES_FILE
from orienteer.scans.index import StoredScan
from orienteer.views.distort import NOTHING

NOT_SHOWN = {"scans", "probe", "out", "store", "weights", "resume", "prepare_workers", "include", "exclude"}
"""Settings that name places on somebody's machine, or say nothing about what was learned."""

MOST_FAILURES = 50
"""Scans that could not be used are listed up to so many; failures.csv has them all."""


def make_report(findings: Findings) -> str:
    """Returns the page."""
    parts = [
        ("glance", "At a glance", _glance),
        ("scans", "Scan by scan", _scans),
        ("trust", "Can it be trusted", header_words.trust),
        ("pictures", "What it believes", _pictures),
        ("learning", "How it learned", _learning),
        ("data", "What it was trained on", _data),
    ]
    return page(
        f"What {findings.loaded.folder.resolve().name} has learned",
        _lead(findings),
        [Part(anchor, name, write(findings)) for anchor, name, write in parts],
        "Figures on new scans need no truth beyond the scans' own geometry. Not a medical device.",
    )


def _lead(findings: Findings) -> str:
    loaded = findings.loaded
    which = "new scans" if findings.new else "scans of its own that were held out"
    text = (
        f"After {loaded.step} steps on {len(loaded.training)} unlabelled scans, the model looked at "
        f"{len(findings.scans)} {which}. It saw small boxes cut out of them"
    )
    told = " and told how far apart they lie, which parts of them are near each other, and how to get from one to the next."
    text += told if _tells_gaps(findings) or not findings.scans else "."
    said = [paragraph(text, "lead"), *(notice(note) for note in _method_notes(findings) + findings.notes)]
    flagged = [scan for scan in findings.scans if scan.verdict is not None and scan.verdict.flagged]
    if flagged:
        names = ", ".join(scan.figures.name for scan in flagged[:5]) + (" and others" if len(flagged) > 5 else "")
        said.append(notice(f"The header of {len(flagged)} of these scans does not fit the anatomy in it: {names}."))
    return "\n".join(said)


def _tells_gaps(findings: Findings) -> bool:
    return any(scan.figures.error_mm is not None for scan in findings.scans)


def _method_notes(findings: Findings) -> tuple[str, ...]:
    """Returns what a person must know of a run whose method learns other things than places."""
    said = []
    if findings.scans and not _tells_gaps(findings):
        said.append(
            "No task of this run's method tells how far apart views lie. So there are no errors in mm, no closure, and no "
            "check of headers; what it did learn is shown below. The method “default” learns places."
        )
    if findings.loaded.config.view_distortion != NOTHING:
        said.append(
            "While it trained, parts of the views were hidden or rearranged. Here the model sees them whole, so that the "
            "figures and pictures of tasks that restore something say little; those under “How it learned” are right."
        )
    return tuple(said)


def _glance(findings: Findings) -> str:
    if not findings.scans:
        return notice("No scan could be looked at; the reasons are in the next part.")
    figures = [scan.figures.figures for scan in findings.scans]
    means = {key: float(np.mean([each[key] for each in figures if key in each])) for key in figures[0]}
    known = rivals_of(means)
    rivals = sorted({rival for each in known.values() for rival in each}, key=lambda rival: (rival != "trivial", rival))
    rows = []
    for key, others in known.items():
        name, value, unit = in_person_units(key, means[key])
        cells = [f"{in_person_units(key, others[rival])[1]:.1f}" if rival in others else "" for rival in rivals]
        rows.append((f"{name} ({unit})" if unit else name, f"{value:.1f}", *cells))
    text = (
        "Means over the scans below. Beside each figure stand its trivial rivals, which need no sense of space: "
        "“trivial” always says zero, the mean distance or the bare intensities; “histogram” tells the place of a box "
        "from its grey values alone. What matters is how far the model gets away from them."
    )
    return paragraph(text) + table(
        "What the model reaches, and what one reaches without it", ("figure", "model", *rivals), rows
    )


def _scans(findings: Findings) -> str:
    said = []
    if findings.scans:
        said.append(_scan_table(findings.scans))
        text = (
            "Errors are lengths in mm between where a view lies by the header and where the model puts it. The closure "
            "error needs no header: it is how far the model ends beside its start when it is led around in a circle. "
            f"“Among own” says how many of {len(findings.own)} scans of the run itself have a smaller error: 50 % is the "
            "middle, 100 % is worse than all of them."
        )
        said.append(paragraph(text))
    if findings.left_out:
        rows = [(name, reason) for name, reason in sorted(findings.left_out.items())]
        said.append(table(f"{len(rows)} not looked at", ("scan", "why"), rows, words=(1,)))
    return "\n".join(said) or notice("There was no scan to look at.")


def _scan_table(scans: Sequence[ObservedScan]) -> str:
    rows = []
    for scan in scans:
        figures, placed = scan.figures, scan.placed or {}
        found = flags(scan)
        rows.append(
            (
                figures.name,
                _number(figures.error_mm),
                _number(figures.trivial_mm),
                percent(placed.get("error")),
                _number(figures.closure_mm),
                percent(placed.get("closure")),
                ("!" if found else "") + ("; ".join(found) or "nothing unusual"),
            )
        )
    head = ("scan", "error, mm", "trivial, mm", "among own", "closure, mm", "among own", "remarks")
    return table("Every scan", head, rows, words=(6,))


def _pictures(findings: Findings) -> str:
    drawn = [scan for scan in findings.scans if scan.pictures]
    if not drawn:
        return notice("No pictures were asked for, or there was no scan to draw.")
    said = [
        paragraph(
            "For each scan, one set of views whose error is neither among the smallest nor the largest of that scan. "
            "Slices are shown as radiologists read them: the patient's right (R) is on the left, L left, A front, P back, "
            "H head, F feet. Colours can be told apart by people with the common colour-vision deficiencies."
        )
    ]
    for scan in drawn:
        said.append(heading(3, scan.figures.name))
        for picture in scan.pictures:
            said += [heading(4, picture.title), figure(picture)]
    left = len(findings.scans) - len(drawn)
    if left:
        said.append(paragraph(f"{left} more scans were measured and not drawn."))
    return "\n".join(said)


def _learning(findings: Findings) -> str:
    folder = findings.loaded.folder
    curves, strips = draw_curves(read_metrics(folder)), over_time(folder)
    said = [figure(curves) if curves else notice("The run wrote no held-out figures, so there are no learning curves.")]
    if not strips:
        said.append(notice("The run drew no pictures while it trained, so there is nothing to show over time."))
    for name, pictures in strips.items():
        text = (
            f"The task “{name}” on the same held-out views at the first, a middle and the last validation: what changes "
            "from left to right is what was learned. The row can be moved sideways."
        )
        said += [heading(3, f"Over time: {name}"), strip(name, pictures, text)]
    return "\n".join(said)


def _data(findings: Findings) -> str:
    loaded = findings.loaded
    about = METHODS[loaded.config.method].about if loaded.config.method in METHODS else "a method of your own"
    said = [
        paragraph(f"Method “{loaded.config.method}”: {about}. Encoder: {loaded.config.encoder}."),
        heading(3, "Scans"),
        _data_table(findings),
        heading(3, "Scans that could not be used"),
        _failures(loaded.folder),
        heading(3, "Settings"),
    ]
    rows = [(key, _plain(value)) for key, value in loaded.config.to_dict().items() if key not in NOT_SHOWN]
    said.append(table("Every setting of the run", ("setting", "value"), rows, words=(1,)))
    return "\n".join(said)


def _data_table(findings: Findings) -> str:
    loaded = findings.loaded
    try:
        store = loaded.open_store()
    except InputError:
        return notice(f"Trained on {len(loaded.training)}, held out {len(loaded.validation)}; the store is not there.")
    rows = []
    with store:
        for name, keys in (("trained on", loaded.training), ("held out", loaded.validation)):
            entries = [store.scan(key) for key in keys]
            for modality in sorted({entry.modality for entry in entries}):
                rows.append(_data_row(name, modality, [entry for entry in entries if entry.modality == modality]))
    head = ("part", "modality", "scans", "formats", "size, voxels (least to most)", "extent, mm (least to most)")
    return table("As prepared, at the spacing of the run; left-right x back-front x foot-head", head, rows, (1, 3))


def _data_row(name: str, modality: str, entries: Sequence[StoredScan]) -> tuple[str, ...]:
    shapes = np.array([entry.shape_vox for entry in entries])
    extents = shapes * np.array(entries[0].spacing_mm)
    formats = ", ".join(sorted({entry.format for entry in entries}))
    return name, modality, str(len(entries)), formats, _range(shapes), _range(extents)


def _failures(folder: Path) -> str:
    file = folder / FAILURES_FILE
    lines = file.read_text().splitlines() if file.is_file() else []
    rows = [row for row in list(csv.reader(lines))[1:] if len(row) == 4]
    if not rows:
        return paragraph("None: every scan that was found could be used.")
    more = f"; the first {MOST_FAILURES} are shown" if len(rows) > MOST_FAILURES else ""
    head = ("scan", "failed at", "why", "what to do")
    return table(f"{len(rows)} scans{more}", head, rows[:MOST_FAILURES], words=(1, 2, 3))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _range(values: np.ndarray) -> str:
    least, most = (" x ".join(f"{value:.0f}" for value in row) for row in (values.min(axis=0), values.max(axis=0)))
    return least if least == most else f"{least} to {most}"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return " x ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)
