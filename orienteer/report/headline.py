"""The numbers that a report begins with: the gap between two places, the same place, near and far, each beside its baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orienteer.report.compared import Compared, compare, compare_metrics
from orienteer.report.findings import ObservedScan


@dataclass(frozen=True)
class Subject:
    """What a metric is about, for a reader who does not know the method.

    Attributes:
        title: in a few words.
        question: that it answers.
        learned: what a model with a good value has learned; a number follows.
        baselines: what the baselines do, by name.
    """

    title: str
    question: str
    learned: str
    baselines: Mapping[str, str]


GAP = "gap_error_mm"
"""The key of the error of gaps, which is a mean over all tasks that predict them."""

SUBJECTS: Mapping[str, Subject] = {
    GAP: Subject(
        title="Gap between two places",
        question="How far apart are two places, and in which direction?",
        learned="how far apart two places are, and in which direction, to",
        baselines={"trivial": "always predicting zero", "histogram": "a histogram of the intensities"},
    ),
    "place_accuracy": Subject(
        title="The same place again",
        question="Does it find the same place in an overlapping view?",
        learned="to find the same place in another view, in",
        baselines={"trivial": "guessing", "raw": "plain intensities"},
    ),
    "near_far_accuracy": Subject(
        title="Near or far",
        question="Does it tell parts near each other from parts far apart?",
        learned="to tell near parts from far ones, in",
        baselines={"trivial": "plain intensities"},
    ),
}
"""The metrics that a report begins with, the most important one first."""


@dataclass(frozen=True)
class Headline:
    """One number of the first page.

    Attributes:
        subject: what it is about.
        compared: the number beside its baselines.
    """

    subject: Subject
    compared: Compared

    @property
    def baseline_words(self) -> str:
        """What the strongest baseline does."""
        name = self.compared.strongest or ""
        return self.subject.baselines.get(name, f"the baseline “{name}”")


HEADLINES = 3
"""Numbers on the first page."""


def headlines(scans: Sequence[ObservedScan]) -> tuple[Headline, ...]:
    """Returns the numbers of the first page, of the scans given; of other metrics if a run lacks the usual ones."""
    known = {each.key: each for each in compare_metrics([scan.measurement.metrics for scan in scans])}
    gap = _gap(scans)
    if gap is not None:
        known[GAP] = gap
    chosen = [key for key in SUBJECTS if key in known and known[key].model.count]
    others = [key for key, each in known.items() if each.strongest is not None and key not in SUBJECTS]
    if not chosen:
        chosen = others
    return tuple(Headline(SUBJECTS.get(key) or _plain(known[key]), known[key]) for key in chosen[:HEADLINES])


def _gap(scans: Sequence[ObservedScan]) -> Compared | None:
    """Returns the errors of the gaps of scans beside those of always predicting zero, and of other baselines."""
    measured = [scan.measurement for scan in scans if scan.measurement.error_mm is not None]
    if not measured:
        return None
    others = {key for scan in measured for key in scan.metrics if key.startswith(f"{GAP}_")}
    baselines = {
        key.removeprefix(f"{GAP}_"): [scan.metrics.get(key, float("nan")) for scan in measured] for key in others
    }
    baselines["trivial"] = [scan.trivial_mm or float("nan") for scan in measured]
    return compare(GAP, [scan.error_mm or 0.0 for scan in measured], dict(sorted(baselines.items())))


def _plain(compared: Compared) -> Subject:
    title = compared.name.capitalize()
    return Subject(title, f"{title}: is it better than its baseline?", f"something ({compared.name}):", {})
