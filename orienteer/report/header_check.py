"""Checks a scan's header against its anatomy: is it sound, what is wrong with it, or can that not be determined?

What speaks for each fault is in `fault_evidence`: the misfit of predicted gaps under each reading of the header, and, for a
run that knows orientations, how likely each of them is and how long the voxels look. Here it is decided what is enough. All
thresholds come from scans that the model was not trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from orienteer.report.fault_evidence import FaultEvidence, relative_misfit
from orienteer.report.faults import SOUND, Fault
from orienteer.report.limits import ENOUGH_SOUND, FALSE_ALARMS, LEAST_SOUND, half_width, upper_limit
from orienteer.report.linear_map import Map, linear_map_of, nearest_ideal
from orienteer.report.measurement import ScanMeasurement

RECOGNISED = 2.0
"""If even the best reading fits worse than this times the 95th percentile of sound scans, the model does not recognise the
scan (another part of the body, another kind of scanner, a fault that was not tried), and the header cannot be judged."""


@dataclass(frozen=True)
class Verdict:
    """The result of the check of one scan's header.

    Attributes:
        recognised: whether the model recognises the anatomy under any reading; if not, the header cannot be judged.
        flagged: whether the header looks less sound than all but 5 % of sound ones.
        fault: the fault that it appears to have, if it is flagged; else None.
        alternatives: other faults that cannot be distinguished from it.
        weights: for each fault, the log of how much likelier the scan is to have it than to be sound.
        misfits: relative misfit by reading (0 perfect, 1 as large as that of predicting zero).
        score: the largest weight of a distinguishable fault, above that of a sound scan.
        threshold: scores above this are flagged.
        as_suspicious: share of the sound scans whose score is at least as high.
        linear_map: from the header's gaps (columns) to the predicted gaps (rows), mean over tasks; None without gaps.
        map_reading: the fault whose ideal map is nearest to it; `SOUND` if that is the identity, None without gaps.
    """

    recognised: bool
    flagged: bool
    fault: Fault | None
    alternatives: tuple[Fault, ...]
    weights: Mapping[Fault, float]
    misfits: Mapping[Fault, float]
    score: float
    threshold: float
    as_suspicious: float
    linear_map: Map | None
    map_reading: Fault | None

    @property
    def misfit(self) -> float | None:
        """The misfit of the header as it is; None if the run predicts no gaps."""
        return self.misfits.get(SOUND)

    @property
    def best_fault(self) -> Fault | None:
        """The fault that most speaks for; None if none was judged."""
        return max(self.weights, key=lambda fault: self.weights[fault], default=None)

    @property
    def margin(self) -> float:
        """By how much the fault outweighs the next best one that is distinguishable from it; 0 without a fault."""
        if self.fault is None:
            return 0.0
        others = [weight for fault, weight in self.weights.items() if fault not in (self.fault, *self.alternatives)]
        return max(0.0, self.weights[self.fault] - max([0.0, *others]))


@dataclass(frozen=True)
class HeaderCheck:
    """What a model sees in sound scans, and the threshold for a flag that follows from it.

    Attributes:
        evidence: what each sign is worth.
        indistinguishable: faults with which a sound scan cannot be distinguished from one without, at the wanted error rates.
        blind: those of them for which the evidence is nothing at all: they count as sound.
        usual_misfit: the 95th percentile of the relative misfit of sound scans, their headers as they are.
        usual_map: the linear map of sound scans; None if the run predicts no gaps.
        scores: the scores of the sound scans, each judged by the others.
        threshold: scores above this are flagged.
    """

    evidence: FaultEvidence
    indistinguishable: frozenset[Fault]
    blind: frozenset[Fault]
    usual_misfit: float
    usual_map: Map | None
    scores: Float[np.ndarray, " scans"]
    threshold: float

    @property
    def calibrated(self) -> bool:
        """Whether there were enough sound scans to guarantee a false-alarm rate of 5 %, whatever their distribution."""
        return len(self.scores) >= ENOUGH_SOUND

    @property
    def distinguishable(self) -> tuple[Fault, ...]:
        """The faults that are found if a scan has them."""
        return tuple(fault for fault in self.evidence.faults if fault not in self.indistinguishable)

    def judge(self, scan: ScanMeasurement) -> Verdict:
        """Returns the verdict on a scan that was measured with the same model."""
        weights = self.evidence.weigh(scan)
        misfits = {reading: relative_misfit(fit, self.evidence.accuracy_mm) for reading, fit in scan.fits.items()}
        score = _score(weights, self.blind)
        recognised = not misfits or min(misfits.values()) <= RECOGNISED * self.usual_misfit
        flagged = recognised and score > self.threshold and bool(self.distinguishable)
        seen = [fault for fault in weights if fault not in self.blind]
        fault = max(seen, key=lambda each: weights[each]) if flagged else None
        fitted = linear_map_of(scan) if scan.fits else None
        mapped = fitted is not None and self.usual_map is not None
        return Verdict(
            recognised=recognised,
            flagged=flagged,
            fault=fault,
            alternatives=self._alternatives(fault) if fault is not None else (),
            weights=weights,
            misfits=misfits,
            score=score,
            threshold=self.threshold,
            as_suspicious=float((self.scores >= score).mean()),
            linear_map=fitted,
            map_reading=nearest_ideal(fitted, self.usual_map) if mapped else None,  # type: ignore[arg-type]
        )

    def _alternatives(self, fault: Fault) -> tuple[Fault, ...]:
        """Returns what differs from a fault by something that cannot be distinguished."""
        if fault.spacing_factor != 1:
            return ()
        unseen = [each.orientation for each in self.indistinguishable if each.spacing_factor == 1]
        return tuple(Fault.of(fault.orientation.after(orientation)) for orientation in unseen)


def calibrate(scans: Sequence[ScanMeasurement]) -> HeaderCheck | None:
    """Returns the check of headers that follows from sound scans; None if there are too few or nothing to judge by.

    Args:
        scans: measured scans whose headers are taken to be sound and that the model was not trained on.
    """
    usable = [scan for scan in scans if scan.fits or scan.misread is not None]
    if len(usable) < LEAST_SOUND:
        return None
    evidence = FaultEvidence.fit(usable)
    others = [FaultEvidence.fit(usable[:at] + usable[at + 1 :]) for at in range(len(usable))]
    weights = [other.weigh(scan) for other, scan in zip(others, usable, strict=True)]
    faulty = [other.weigh_if_faulty(scan) for other, scan in zip(others, usable, strict=True)]
    lowest = {}
    for fault in evidence.faults:
        values = [each.get(fault, 0.0) for each in faulty]
        lowest[fault] = float(np.mean(values)) - half_width(values, FALSE_ALARMS)
    blind = frozenset(fault for fault in evidence.faults if lowest[fault] <= 0)
    scores = np.array([_score(each, blind) for each in weights])
    threshold = max(0.0, upper_limit(scores))  # at 0 nothing speaks for a fault
    indistinguishable = frozenset(fault for fault in evidence.faults if lowest[fault] <= threshold)
    fitted = [scan for scan in usable if scan.fits]
    misfits = [relative_misfit(scan.fits[SOUND], evidence.accuracy_mm) for scan in fitted]
    usual_misfit = float(np.quantile(misfits, 1 - FALSE_ALARMS)) if fitted else np.inf
    usual_map = np.mean([linear_map_of(scan) for scan in fitted], axis=0) if fitted else None
    return HeaderCheck(evidence, indistinguishable, blind, usual_misfit, usual_map, scores, threshold)


def _score(weights: Mapping[Fault, float], blind: frozenset[Fault]) -> float:
    """Returns how much more speaks for a fault than for a sound scan, or for one with a fault that looks the same."""
    sound = max((weight for fault, weight in weights.items() if fault in blind), default=0.0)
    faulty = max((weight for fault, weight in weights.items() if fault not in blind), default=0.0)
    return float(faulty - max(0.0, sound))
