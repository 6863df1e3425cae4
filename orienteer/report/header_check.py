"""Checks a scan's header against its anatomy: is it sound, what is wrong with it, or can that not be determined?

What speaks for each fault is in `fault_evidence`. Here it is decided what is enough, by one rule for all hypotheses: a
hypothesis is ruled out if another outweighs it by more than happens in scans for which it is true (a prediction set as in
Vovk et al., *Algorithmic Learning in a Random World*, 2005, with the gap to the best hypothesis as its score). A header is
flagged if soundness is ruled out; what else is not ruled out is named. So what cannot be distinguished (left and right of a
brain) is never named alone. All thresholds come from scans that the models were not trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from orienteer.report.fault_evidence import HYPOTHESES, NUMBER, FaultEvidence, Weights
from orienteer.report.faults import SOUND, SPACING_FAULTS, Fault
from orienteer.report.limits import ENOUGH_SOUND, FALSE_ALARMS, LEAST_SOUND, half_width, upper_limit
from orienteer.report.linear_map import Map, linear_map_of, nearest_ideal
from orienteer.report.measurement import ScanMeasurement
from orienteer.types import TripleMm

RECOGNISED = 2.0
"""If even the best reading fits worse than this times the 95th percentile of sound scans, the model does not recognise the
scan (another part of the body, another kind of scanner, a fault that was not tried), and the header cannot be judged."""


LEAST_LIMIT = float(np.log(1 / FALSE_ALARMS - 1))
"""A hypothesis is ruled out by one that is 19 times as likely, at least: a few scans do not show how far gaps may reach."""

CLEARLY, PROBABLY = 6.0, 2.0
"""Margins of a fault over all others, as log of a ratio, that are called clear and probable."""

MOST_POSSIBLE = 0.5
"""If more than this share of the faults that can usually be told is not ruled out, the header cannot be judged either."""


@dataclass(frozen=True)
class Verdict:
    """The result of the check of one scan's header.

    Attributes:
        recognised: whether the model recognises the anatomy under any reading; if not, the header cannot be judged.
        flagged: whether it is ruled out that the header is sound.
        fault: the fault that it appears to have, if it is flagged; else None.
        alternatives: other faults that are not ruled out.
        weights: for each fault, the log of how much likelier the scan is to have it than to be sound.
        misfits: relative misfit by reading (0 perfect, 1 as large as that of predicting zero).
        score: the largest weight of a fault, or 0.
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

    @property
    def certainty(self) -> Literal["clearly", "probably", "possibly"]:
        """How certain it is that the header has the fault, by its margin."""
        return "clearly" if self.margin >= CLEARLY else "probably" if self.margin >= PROBABLY else "possibly"


@dataclass(frozen=True)
class HeaderCheck:
    """What a model sees in sound scans, and the limits that follow from it.

    Attributes:
        evidence: what each sign is worth.
        limits: for each hypothesis, by how much another one may outweigh it before it is ruled out.
        indistinguishable: faults that are not found in 19 of 20 scans that have them.
        least_likeness: for a right voxel size and each wrong one, below it a scan is unlike those of the run; -inf without a
            header reader.
        usual_misfit: the 95th percentile of the relative misfit of sound scans, their headers as they are.
        usual_map: the linear map of sound scans; None if the run predicts no gaps.
        scores: the scores of the sound scans, each judged by the others.
    """

    evidence: FaultEvidence
    limits: Mapping[Fault, float]
    indistinguishable: frozenset[Fault]
    least_likeness: Mapping[TripleMm, float]
    usual_misfit: float
    usual_map: Map | None
    scores: Float[np.ndarray, " scans"]

    @property
    def threshold(self) -> float:
        """Scores above this are flagged."""
        return self.limits[SOUND]

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
        misfits = self.evidence.misfits(scan)
        possible, score = self._not_ruled_out(weights), float(weights.max())
        recognised = self._recognised(scan, misfits, possible)
        flagged = recognised and SOUND not in possible
        possible = [fault for fault in possible if flagged]
        fitted = linear_map_of(scan) if scan.fits else None
        mapped = fitted is not None and self.usual_map is not None
        return Verdict(
            recognised=recognised,
            flagged=flagged,
            fault=possible[0] if possible else None,
            alternatives=tuple(possible[1:]),
            weights={fault: float(weights[NUMBER[fault]]) for fault in self.evidence.faults},
            misfits=misfits,
            score=score,
            threshold=self.threshold,
            as_suspicious=float((self.scores >= score).mean()),
            linear_map=fitted,
            map_reading=nearest_ideal(fitted, self.usual_map) if mapped else None,  # type: ignore[arg-type]
        )

    def _recognised(self, scan: ScanMeasurement, misfits: Mapping[Fault, float], possible: Sequence[Fault]) -> bool:
        """Returns whether some hypothesis fits, and most are ruled out that can be.

        Beside a reader, gaps count for a scan that it flags: they must fit with one of the possible faults undone. A scan that
        it does not flag need only be as likely as the least likely of sound and faulty ones.
        """
        others = sum(fault in possible for fault in self.distinguishable) - 1
        tried, like = list(misfits.values()), True
        if self.evidence.reader is not None:
            best, likeness = self.evidence.reader.likeness(scan, SOUND)
            least = min(self.least_likeness.values()) if SOUND in possible else self.least_likeness[best.factors]
            like = not likeness < least
            tried = [] if SOUND in possible else [misfits[fault] for fault in possible if fault in misfits]
        fits = not tried or min(tried) <= RECOGNISED * self.usual_misfit
        return like and fits and others <= MOST_POSSIBLE * len(self.distinguishable)

    def _not_ruled_out(self, weights: Weights) -> list[Fault]:
        """Returns the hypotheses that are not ruled out, the one with the largest weight first."""
        order = [HYPOTHESES[int(number)] for number in np.argsort(-weights, kind="stable")]
        behind = {fault: float(weights.max()) - float(weights[NUMBER[fault]]) for fault in self.limits}
        return [fault for fault in order if fault in self.limits and behind[fault] <= self.limits[fault]]


def calibrate(scans: Sequence[ScanMeasurement]) -> HeaderCheck | None:
    """Returns the check of headers that follows from sound scans; None if there are too few or nothing to judge by.

    Args:
        scans: measured scans whose headers are taken to be sound and that the model was not trained on.
    """
    usable = [scan for scan in scans if scan.fits or scan.header is not None]
    if len(usable) < LEAST_SOUND:
        return None
    evidence = FaultEvidence.fit(usable)
    others = [FaultEvidence.fit(usable[:at] + usable[at + 1 :]) for at in range(len(usable))]
    weights = np.stack([other.weigh_all(scan) for other, scan in zip(others, usable, strict=True)])
    limits, lowest = {}, {}
    scores = weights[:, 0].max(-1)
    limits[SOUND] = max(LEAST_LIMIT, upper_limit(scores))
    for fault in evidence.faults:
        number = NUMBER[fault]
        values = weights[:, number].max(-1)
        limits[fault] = max(LEAST_LIMIT, upper_limit(values - weights[:, number, number], FALSE_ALARMS))
        lowest[fault] = float(np.mean(values)) - half_width(values, FALSE_ALARMS)
    indistinguishable = frozenset(fault for fault in evidence.faults if lowest[fault] <= limits[SOUND])
    fitted = [scan for scan in usable if scan.fits]
    misfits = [evidence.misfits(scan)[SOUND] for scan in fitted if evidence.misfit is not None]
    usual_misfit = float(np.quantile(misfits, 1 - FALSE_ALARMS)) if misfits else np.inf
    usual_map = np.mean([linear_map_of(scan) for scan in fitted], axis=0) if fitted else None
    least_likeness = _least_likeness(others, usable)
    return HeaderCheck(evidence, limits, indistinguishable, least_likeness, usual_misfit, usual_map, scores)


def _least_likeness(others: Sequence[FaultEvidence], scans: Sequence[ScanMeasurement]) -> Mapping[TripleMm, float]:
    """Returns the likeness that sound scans, and those with each wrong voxel size, keep to; -inf without a header reader.

    With a wrong orientation the likeness is the same as with none.

    Args:
        others: for each scan, the evidence of the others.
        scans: that were taken to be sound.
    """
    readers = [(other.reader, scan) for other, scan in zip(others, scans, strict=True) if scan.header is not None]
    return {
        fault.factors: -upper_limit(
            [-reader.likeness(scan, fault)[1] for reader, scan in readers if reader is not None]
        )
        for fault in (SOUND, *SPACING_FAULTS)
    }
