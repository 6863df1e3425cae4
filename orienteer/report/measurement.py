"""What is measured on one scan: metrics, predicted gaps, closure, and how well each reading of its header fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from orienteer.headers.evidence import HeaderEvidence
from orienteer.report.faults import Fault
from orienteer.runs.error_bars import ScanErrors

Pairs = Float[np.ndarray, "pairs 3"]
"""Gaps of many pairs of views, mm."""


@dataclass(frozen=True)
class Fit:
    """How well predicted gaps fit a header under one reading, for each task that predicts gaps.

    Attributes:
        missed: mean squares of predicted minus stated gap per axis, mm2.
        stated: mean squares of the gaps that the header states per axis, mm2.
    """

    missed: Mapping[str, Float[np.ndarray, " 3"]]
    stated: Mapping[str, Float[np.ndarray, " 3"]]


@dataclass(frozen=True)
class ScanMeasurement:
    """What was measured on one scan.

    Attributes:
        key: its key in the store.
        name: its file name.
        metrics: metrics of the tasks and of their baselines (``..._trivial``), means over the view sets.
        true_mm: gaps by the header between the views of each set, from i to j, i and j in both orders.
        predicted_mm: the same gaps as predicted, for each task that predicts gaps.
        set_errors_mm: mean length of the error vector in each view set, over tasks.
        set_closures_mm: mean length of the sums around closed routes in each view set; None where they close by
            construction or the run predicts no gaps.
        fits: how well each reading of the header fits; a reading under which the scan cannot hold views is missing.
        scales_mm: scale of the error of each predicted gap per axis, for each task that predicts it; without calibration.
        spreads_mm: how much each predicted gap changes beyond what is known when every view is moved by a part of itself, for
            each task that predicts gaps.
        header: what the run's header reader sees in it; None if the run has none.
    """

    key: str
    name: str
    metrics: Mapping[str, float]
    true_mm: Pairs
    predicted_mm: Mapping[str, Pairs]
    set_errors_mm: Float[np.ndarray, " sets"]
    set_closures_mm: Float[np.ndarray, " sets"] | None
    fits: Mapping[Fault, Fit]
    header: HeaderEvidence | None = None
    scales_mm: Mapping[str, Pairs] = field(default_factory=dict)
    spreads_mm: Mapping[str, Float[np.ndarray, " pairs"]] = field(default_factory=dict)

    @staticmethod
    def of_header(key: str, header: HeaderEvidence) -> "ScanMeasurement":
        """Returns the measurement of a scan of which nothing is known but what the header reader sees in it."""
        none = np.zeros((0, 3))
        return ScanMeasurement(key, "", {}, none, {}, np.zeros(0), None, {}, header)

    def errors_of(self, task: str) -> ScanErrors:
        """Returns the errors of a task's gaps, with the scales that it predicted for them."""
        return ScanErrors(self.predicted_mm[task] - self.true_mm, self.scales_mm[task], self.spreads_mm.get(task))

    @property
    def set_spreads_mm(self) -> Float[np.ndarray, " sets"] | None:
        """Mean spread of the gaps of each view set, over tasks; None if the run predicts none."""
        sets = [each.reshape(len(self.set_errors_mm), -1).mean(axis=1) for each in self.spreads_mm.values()]
        return np.asarray(np.mean(sets, axis=0)) if sets else None

    @property
    def error_mm(self) -> float | None:
        """Mean length of the error vector of predicted gaps; None if the run predicts none."""
        return float(self.set_errors_mm.mean()) if len(self.set_errors_mm) else None

    @property
    def trivial_mm(self) -> float | None:
        """The error of the baseline that predicts zero for all gaps."""
        return float(np.linalg.norm(self.true_mm, axis=1).mean()) if self.predicted_mm else None

    @property
    def closure_mm(self) -> float | None:
        """Mean length of the sums around closed routes."""
        return None if self.set_closures_mm is None else float(self.set_closures_mm.mean())
