"""report.html: one self-contained page that shows what a run has learned; its words are in templates/report.html.j2."""

from dataclasses import dataclass

from orienteer.draw.pages import render
from orienteer.methods import METHODS
from orienteer.report.closure import Correlation, closure_correlation, draw_closure
from orienteer.report.curves import LearningCurves, Strip, draw_curves, over_time, read_metrics
from orienteer.report.findings import Findings
from orienteer.report.limits import FALSE_ALARMS
from orienteer.report.metrics import Metric, baseline_names, mean_metrics
from orienteer.report.training_data import ScanGroup, failed_scans, scan_groups, shown_settings
from orienteer.types import AXIS_NAMES
from orienteer.views.distort import NOTHING

ENOUGH_FOR_PLOT = 5
"""With fewer held-out scans, closure is not plotted against error."""

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
        closure: how closure error follows true error on held-out scans; None if no closure was measured.
        closure_png: the plot of it; None with few scans.
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
    closure: Correlation | None
    closure_png: bytes | None
    curves: LearningCurves | None
    strips: dict[str, Strip]
    groups: list[ScanGroup] | None
    failures: list[list[str]]
    failed: int
    settings: list[tuple[str, str]]
    axes: tuple[str, ...] = AXIS_NAMES
    false_alarms: float = FALSE_ALARMS


def make_report(findings: Findings) -> str:
    """Returns the page."""
    return render("orienteer.report", "report.html.j2", make_story(findings))


def make_story(findings: Findings) -> Story:
    """Returns everything that the page shows."""
    loaded, heldout = findings.loaded, findings.heldout
    metrics = mean_metrics([scan.measurement.metrics for scan in findings.scans])
    closure = closure_correlation(heldout)
    failures = failed_scans(loaded.folder)
    method = METHODS.get(loaded.config.method)
    return Story(
        findings=findings,
        run=loaded.folder.resolve().name,
        method=method.about if method else None,
        hides_parts=loaded.config.view_distortion != NOTHING,
        metrics=tuple(metrics),
        baselines=tuple(baseline_names(metrics)),
        closure=closure,
        closure_png=draw_closure(heldout) if closure and len(heldout) >= ENOUGH_FOR_PLOT else None,
        curves=draw_curves(read_metrics(loaded.folder)),
        strips=over_time(loaded.folder),
        groups=scan_groups(loaded),
        failures=failures[:MOST_FAILURES],
        failed=len(failures),
        settings=shown_settings(loaded),
    )
