"""The part of the report on trust: closure against true error, headers against anatomy, a demonstration."""

from collections.abc import Sequence

import numpy as np

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.markup import Picture, figure, heading, notice, paragraph, percent, table
from orienteer.draw.palette import BLUE
from orienteer.report.findings import Correlation, Findings, ObservedScan, closure_correlation
from orienteer.report.scan_errors import SOUND, ScanFigures
from orienteer.report.trust import FALSE_ALARMS, Map, Witness
from orienteer.types import AXIS_NAMES

ENOUGH_SCANS = 5
"""With fewer scans a rank correlation is not drawn."""


def trust(findings: Findings) -> str:
    """Returns the part as HTML."""
    said = [heading(3, "Closure error: a measure that needs no truth"), _closure(findings)]
    said += [heading(3, "Headers: the claim and the witness"), _headers(findings)]
    if findings.demonstration:
        said += [heading(3, "Demonstration: the same scan with a spoiled header"), _demonstration(findings)]
    return "\n".join(said)


def _closure(findings: Findings) -> str:
    # New scans are measured too, but their headers are what is in question.
    heldout = findings.heldout
    found = closure_correlation(heldout)
    if found is None:
        return notice(
            "This run has no closure error: its tasks predict no gaps, or gaps that close around a circle by "
            "construction (edges: position). Train with edges: pair to have one."
        )
    text = (
        "Lead the model around a circle of views: the predicted steps should bring it back to its start. How far they "
        "end beside it needs no header and no label. Over the run's own held-out scans it is compared here with the "
        f"true error. {_correlation_words(found)}"
    )
    if len(heldout) < ENOUGH_SCANS:
        return paragraph(text)
    return figure(_closure_picture(heldout, text))


def _correlation_words(found: Correlation) -> str:
    def value(rho: float | None) -> str:
        return "cannot be had" if rho is None else f"is {rho:+.2f}"

    return (
        f"The rank correlation over scans {value(found.scans)} (n = {found.scan_count}); over single view sets it "
        f"{value(found.sets)} (n = {found.set_count}). +1 would mean that the order is the same, 0 that closure says "
        "nothing about the error."
    )


def _closure_picture(scans: Sequence[ScanFigures], text: str) -> Picture:
    drawn = new_figure(700, 420)
    axes = drawn.subplots()
    closures = [scan.set_closures_mm for scan in scans if scan.set_closures_mm is not None]
    errors = [scan.set_errors_mm for scan in scans if scan.set_closures_mm is not None]
    axes.plot(np.concatenate(closures), np.concatenate(errors), ".", color="0.6", markersize=4, label="view sets")
    means = [[float(each.mean()) for each in values] for values in (closures, errors)]
    axes.plot(*means, "o", color=BLUE, markersize=7, label="scans (means)")
    axes.set_xlabel("closure error, mm (needs no truth)")
    axes.set_ylabel("true error, mm")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return Picture(
        "Closure and true error", text, "Closure error against true error, by view set and by scan.", to_png(drawn)
    )


def _headers(findings: Findings) -> str:
    witness = findings.witness
    if witness is None:
        return notice("Headers cannot be checked: there are no scans of the run itself to learn from, or no gaps.")
    text = (
        "A header claims how large the voxels are and which way is left, front and head; the anatomy in the voxels is the "
        "witness. The model looks at each scan as its header says, and again with each fault undone: an axis turned "
        "round, two axes exchanged, the spacing halved or doubled. The misfit is its error as a share of what a model "
        "that says nothing would miss by. If it fits clearly better with a fault undone, the header probably has it. Where "
        "no reading fits nearly as well as on scans of the run, the model does not know what it sees, and cannot tell. "
        f"{_alarm_words(witness)}"
    )
    said = [paragraph(text)]
    judged = [scan for scan in findings.scans if scan.verdict is not None]
    if judged:
        said.append(verdict_table("Headers of these scans", judged))
    for scan in judged:
        if scan.verdict is not None and scan.verdict.flagged:
            said.append(notice(_flag_words(scan)))
            said.append(
                _map_table(
                    f"{scan.figures.name}: from the header's gaps to the predicted ones", scan.verdict.linear_map
                )
            )
    said.append(paragraph(_map_words()))
    said.append(_map_table("Usual on sound scans: from the header's gaps to the predicted ones", witness.usual_map))
    return "\n".join(said)


def verdict_table(caption: str, scans: Sequence[ObservedScan]) -> str:
    """Returns a table of what was found about the headers of scans."""
    rows = []
    for scan in scans:
        verdict = scan.verdict
        assert verdict is not None
        said = (
            "!" + (f"looks {verdict.fault.name}" if verdict.fault else "does not fit")
            if verdict.flagged
            else "believed"
        )
        faults = {fault: misfit for fault, misfit in verdict.misfits.items() if fault != SOUND}
        best = min(faults, key=lambda fault: faults[fault]) if faults else None
        undone = f"{percent(faults[best])} ({best.name})" if best else ""
        diagonal = ", ".join(f"{value:+.2f}" for value in verdict.linear_map.diagonal())
        name = scan.figures.name.removesuffix(".gz").removesuffix(".nii")
        suspicious = percent(verdict.as_suspicious)
        rows.append((name, said, percent(verdict.misfits[SOUND]), undone, suspicious, diagonal))
    head = (
        "scan",
        "header",
        "misfit as it says",
        "least misfit with a fault undone",
        "own scans as suspicious",
        "linear map, diagonal",
    )
    return table(caption, head, rows, words=(1, 3, 5))


def _alarm_words(witness: Witness) -> str:
    if witness.calibrated:
        return (
            f"A scan is flagged if it looks less sound than {percent(1 - FALSE_ALARMS)} of {len(witness.scores)} scans of the "
            "run itself, so that about one sound scan in twenty is flagged by mistake."
        )
    return (
        f"Only {len(witness.scores)} scans of the run itself were looked at, too few to know how often a sound scan is "
        "flagged by mistake; a scan is flagged if it looks clearly less sound than all of them."
    )


def _flag_words(scan: ObservedScan) -> str:
    verdict = scan.verdict
    assert verdict is not None
    assert verdict.fault is not None
    sure = "clearly" if verdict.better > 0.25 else "probably" if verdict.better > 0.08 else "perhaps"
    return (
        f"{scan.figures.name}: {sure} {verdict.fault.name}. With that undone, the misfit falls from "
        f"{percent(verdict.misfits[SOUND])} to {percent(verdict.misfits[verdict.fault])}; the next best reading is "
        f"{percent(verdict.better)} behind. {percent(verdict.as_suspicious)} of the run's own scans look as suspicious."
    )


def _map_words() -> str:
    return (
        "The linear map turns the header's gaps into the predicted ones. For a sound scan it is near the identity: 1 on "
        "the diagonal, 0 beside it. A mirrored axis would ideally show as -1, exchanged axes as a permutation, a wrong "
        "spacing as a scale. Smaller numbers on one axis mean that the model is cautious there. The map alone is a dull "
        "witness: a body is nearly its own mirror image, and a model that tells the side from the skin still shows +1 on a "
        "mirrored left-right axis. That is why every fault is also undone and tried."
    )


def _map_table(caption: str, found: Map) -> str:
    rows = [
        (f"predicted {name}", *(f"{value:+.2f}" for value in row)) for name, row in zip(AXIS_NAMES, found, strict=True)
    ]
    return table(caption, ("gaps", *(f"header's {name}" for name in AXIS_NAMES)), rows)


def _demonstration(findings: Findings) -> str:
    faults = sum(scan.verdict is not None and scan.verdict.flagged for scan in findings.demonstration)
    text = (
        "One scan, copied with its header spoiled on purpose and then prepared and looked at like any other. The first "
        f"copy is unchanged. {faults} of {len(findings.demonstration)} copies were flagged."
    )
    judged = [scan for scan in findings.demonstration if scan.verdict is not None]
    return paragraph(text) + verdict_table("One scan, and copies of it with a spoiled header", judged)
