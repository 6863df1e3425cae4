"""report.html: one self-contained page that shows what a run has learned; its words are in templates/report.html.j2."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from orienteer.draw.pages import render
from orienteer.methods import METHODS
from orienteer.report.answers import Answer, answers, learned, next_step
from orienteer.report.compared import Compared, compare_metrics
from orienteer.report.curves import LearningCurves, Strip, draw_curves, over_time, read_metrics
from orienteer.report.findings import Findings, ObservedScan, averaged, worst_first
from orienteer.report.headline import Headline, headlines
from orienteer.report.limits import FALSE_ALARMS
from orienteer.report.numbered import numbered, numbered_rows
from orienteer.report.pictures import RESTORED, hides_parts
from orienteer.report.training_data import ScanGroup, failed_scans, scan_groups, shown_settings
from orienteer.report.trust import Sign, best_sign, closure_excess, draw_sign, set_radii_mm, signs_of_trust
from orienteer.types import AXIS_NAMES


@dataclass(frozen=True)
class Story:
    """Everything that the page shows, as numbers and names.

    Attributes:
        findings: what was measured.
        run: name of the run folder.
        method: what the method learns; None for a method that is not in METHODS.
        numbers: the numbers of the first page.
        answers: the answers of the first page.
        learned: what was learned, in a sentence.
        next_step: what to do next, in a sentence.
        sound: scans whose header and anatomy look usual, the largest error first; all medians are over them.
        unsound: the others.
        worst: scans with a picture for the first page.
        hides_parts: whether training hid or rearranged parts of the views.
        compared: every metric over the sound scans beside its baselines.
        signs: what can be read without a truth, and how it follows the true error on held-out scans; the best first.
        best: the sign that follows it best; None if none is known to.
        sign_png: the plot of the best sign, or of the first one; None with few scans.
        bar_mm: the mean error bar of each scan, by key; empty for a run without error bars.
        excess: the closure error of each scan as a multiple of what independent errors add up to, by key.
        curves: learning curves; None if the run has none.
        strips: pictures over the training steps, by task and scan.
        groups: the scans of the run; None if its store is missing.
        failures: scans that could not be used: scan, step, reason, what to do.
        failed: how many they are.
        settings: settings of the run.
        axes: names of the three axes.
        false_alarms: share of sound headers that may be flagged.
        shown_rows: a table of more scans is folded.
    """

    findings: Findings
    run: str
    method: str | None
    numbers: tuple[Headline, ...]
    answers: tuple[Answer, ...]
    learned: str
    next_step: str
    sound: tuple[ObservedScan, ...]
    unsound: tuple[ObservedScan, ...]
    worst: tuple[ObservedScan, ...]
    hides_parts: bool
    compared: tuple[Compared, ...]
    signs: tuple[Sign, ...]
    best: Sign | None
    sign_png: bytes | None
    bar_mm: dict[str, float]
    excess: dict[str, float]
    curves: LearningCurves | None
    strips: dict[str, Strip]
    groups: list[ScanGroup] | None
    failures: list[list[str]]
    failed: int
    settings: list[tuple[str, str]]
    axes: tuple[str, ...] = AXIS_NAMES
    false_alarms: float = FALSE_ALARMS
    shown_rows: int = 12


def make_report(findings: Findings, numbers: Mapping[str, str] | None = None) -> str:
    """Returns the page.

    Args:
        findings: what it shows.
        numbers: of scans by their names, to be shown in their place; see `numbers_of`.
    """
    return render("orienteer.report", "report.html.j2", make_story(findings, numbers))


def in_short(findings: Findings) -> tuple[str, str]:
    """Returns what was learned and what to do next, a sentence each, as at the top of the page."""
    numbers = first_numbers(findings)
    return learned(findings, numbers), next_step(findings, numbers, shlex.quote(str(findings.loaded.folder)))


def first_numbers(findings: Findings) -> tuple[Headline, ...]:
    """Returns the numbers of the first page; none of tasks that restore hidden parts, since here nothing is hidden."""
    numbers = headlines(averaged(findings.scans))
    return tuple(each for each in numbers if not (hides_parts(findings.loaded) and RESTORED in each.compared.baselines))


ENOUGH_FOR_PLOT = 5
"""With fewer held-out scans, no sign of trust is plotted against the error."""

MOST_FAILURES = 50
"""Failed scans listed on the page; failures.csv has them all."""

FIRST_PAGE_SCANS = 3
"""Scans with a picture on the first page."""


def make_story(findings: Findings, numbers: Mapping[str, str] | None = None) -> Story:
    """Returns everything that the page shows."""
    loaded, heldout = findings.loaded, findings.heldout
    signs = signs_of_trust(heldout, findings.bars)
    measured = [scan.measurement for scan in findings.scans]
    radii = {scan.key: set_radii_mm(scan, findings.bars) for scan in measured}
    excess = {scan.key: closure_excess(scan, findings.bars) for scan in measured}
    failures = failed_scans(loaded.folder)
    if numbers is not None:
        findings, failures = numbered(findings, numbers), numbered_rows(failures, numbers)
    first = first_numbers(findings)
    ordered = worst_first(findings.scans)
    method = METHODS.get(loaded.config.method)
    return Story(
        findings=findings,
        run=loaded.folder.resolve().name,
        method=method.about if method else None,
        numbers=first,
        answers=answers(findings, first),
        learned=learned(findings, first),
        next_step=next_step(findings, first),
        sound=tuple(scan for scan in ordered if scan.sound),
        unsound=tuple(scan for scan in ordered if not scan.sound),
        worst=tuple(scan for scan in ordered if scan.route is not None)[:FIRST_PAGE_SCANS],
        hides_parts=hides_parts(loaded),
        compared=_compared(findings),
        signs=signs,
        best=best_sign(signs),
        sign_png=draw_sign(signs[0]) if signs and len(heldout) >= ENOUGH_FOR_PLOT else None,
        bar_mm={key: float(each.mean()) for key, each in radii.items() if each is not None},
        excess={key: each for key, each in excess.items() if each is not None},
        curves=draw_curves(read_metrics(loaded.folder)),
        strips=over_time(loaded.folder),
        groups=scan_groups(loaded),
        failures=failures[:MOST_FAILURES],
        failed=len(failures),
        settings=shown_settings(loaded),
    )


def _compared(findings: Findings) -> tuple[Compared, ...]:
    """Returns all metrics over the scans, but for those of tasks that restore hidden parts: here nothing is hidden."""
    compared = compare_metrics([scan.measurement.metrics for scan in averaged(findings.scans)])
    shown = [each for each in compared if not (hides_parts(findings.loaded) and RESTORED in each.baselines)]
    return tuple(shown or compared)
