"""report.html: one self-contained page that shows what a run has learned; its words are in templates/report.html.j2."""

from collections.abc import Mapping
from dataclasses import dataclass

from orienteer.draw.pages import render
from orienteer.methods import METHODS
from orienteer.report.curves import LearningCurves, Strip, draw_curves, over_time, read_metrics
from orienteer.report.findings import Findings
from orienteer.report.limits import FALSE_ALARMS
from orienteer.report.metrics import Metric, baseline_names, mean_metrics
from orienteer.report.numbered import numbered, numbered_rows
from orienteer.report.training_data import ScanGroup, failed_scans, scan_groups, shown_settings
from orienteer.report.trust import Sign, best_sign, closure_excess, draw_sign, set_radii_mm, signs_of_trust
from orienteer.types import AXIS_NAMES
from orienteer.views.distort import NOTHING

ENOUGH_FOR_PLOT = 5
"""With fewer held-out scans, no sign of trust is plotted against the error."""

MOST_FAILURES = 50
"""Failed scans listed on the page; failures.csv has them all."""


@dataclass(frozen=True)
class Story:
    """Everything that the page shows, as numbers and names.

    Attributes:
        findings: what was measured.
        run: name of the run folder.
        method: what the method learns; None for a method that is not in METHODS.
        hides_parts: whether training hid or rearranged parts of the views.
        metrics: means over the scans.
        baselines: names of the baselines in ``metrics``.
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
    """

    findings: Findings
    run: str
    method: str | None
    hides_parts: bool
    metrics: tuple[Metric, ...]
    baselines: tuple[str, ...]
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


def make_report(findings: Findings, numbers: Mapping[str, str] | None = None) -> str:
    """Returns the page.

    Args:
        findings: what it shows.
        numbers: of scans by their names, to be shown in their place; see `numbers_of`.
    """
    return render("orienteer.report", "report.html.j2", make_story(findings, numbers))


def make_story(findings: Findings, numbers: Mapping[str, str] | None = None) -> Story:
    """Returns everything that the page shows."""
    loaded, heldout = findings.loaded, findings.heldout
    metrics = mean_metrics([scan.measurement.metrics for scan in findings.scans])
    signs = signs_of_trust(heldout, findings.bars)
    measured = [scan.measurement for scan in findings.scans]
    radii = {scan.key: set_radii_mm(scan, findings.bars) for scan in measured}
    excess = {scan.key: closure_excess(scan, findings.bars) for scan in measured}
    failures = failed_scans(loaded.folder)
    if numbers is not None:
        findings, failures = numbered(findings, numbers), numbered_rows(failures, numbers)
    method = METHODS.get(loaded.config.method)
    return Story(
        findings=findings,
        run=loaded.folder.resolve().name,
        method=method.about if method else None,
        hides_parts=loaded.config.view_distortion != NOTHING,
        metrics=tuple(metrics),
        baselines=tuple(baseline_names(metrics)),
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
