"""Checks a scan's header against its anatomy: the header states a geometry, and the model predicts gaps from the voxels.

Two comparisons are made. The *linear map* from the header's gaps to the predicted gaps (`linear_map`) should be near the
identity. The *readings* are more sensitive: each fault is undone in turn and the model predicts again; the reading under
which its gaps fit best is what the scan looks like. The map alone can miss a mirrored left-right axis: a body is nearly
symmetric, and a model that infers the side from the skin still gives +1 there. The misfit does not miss it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student_t

from orienteer.report.faults import SOUND, Fault
from orienteer.report.linear_map import Map, linear_map_of, nearest_ideal
from orienteer.report.measurement import Fit, ScanMeasurement

FALSE_ALARMS = 0.05
"""Share of sound scans that may be flagged."""

ENOUGH_SOUND = 19
"""Fewer sound scans cannot set a false-alarm rate of 5 %: a new scan is the worst of 20 by chance once in 20 times."""

FEW_SCANS_MARGIN = 0.1
"""With too few sound scans, how far a score must exceed all of theirs: a tenth of the misfit."""

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
        margin: how much smaller the misfit is with that fault undone than under the next best reading, 0 to 1.
        misfits: relative misfit by reading (0 perfect, 1 as large as that of predicting zero).
        score: log of the misfit as stated over the lowest misfit with a fault undone; above 0 a fault fits better.
        threshold: scores above this are flagged.
        as_suspicious: share of the sound scans whose score is at least as high.
        linear_map: from the header's gaps (columns) to the predicted gaps (rows), mean over tasks.
        map_reading: the fault whose ideal map is nearest to it; `SOUND` if that is the identity.
    """

    recognised: bool
    flagged: bool
    fault: Fault | None
    margin: float
    misfits: Mapping[Fault, float]
    score: float
    threshold: float
    as_suspicious: float
    linear_map: Map
    map_reading: Fault

    @property
    def misfit(self) -> float:
        """The misfit of the header as it is."""
        return self.misfits[SOUND]

    @property
    def best_fault(self) -> Fault | None:
        """The fault with the lowest misfit when undone; None if none was tried."""
        faults = {fault: misfit for fault, misfit in self.misfits.items() if fault != SOUND}
        return min(faults, key=lambda fault: faults[fault], default=None)


@dataclass(frozen=True)
class HeaderCheck:
    """What a model predicts on sound scans, and the threshold for a flag that follows from it.

    Attributes:
        accuracy_mm: per task, the model's root mean square error on sound scans along each axis.
        usual_gain: per fault, the mean gain on sound scans from undoing it (log of the misfits' ratio), at least 0. It
            is above 0 only if the model prefers the faulty reading of sound scans, as a poor model may.
        usual_misfit: the 95th percentile of the relative misfit of sound scans, their headers as they are.
        usual_map: the linear map of sound scans.
        scores: the scores of the sound scans, each judged by the others.
        threshold: scores above this are flagged.
    """

    accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]
    usual_gain: Mapping[Fault, float]
    usual_misfit: float
    usual_map: Map
    scores: Float[np.ndarray, " scans"]
    threshold: float

    @property
    def calibrated(self) -> bool:
        """Whether there were enough sound scans to set a false-alarm rate."""
        return len(self.scores) >= ENOUGH_SOUND

    def judge(self, scan: ScanMeasurement) -> Verdict:
        """Returns the verdict on a scan that was measured with the same model."""
        misfits = {reading: relative_misfit(fit, self.accuracy_mm) for reading, fit in scan.fits.items()}
        gains = {fault: gain - self.usual_gain.get(fault, 0.0) for fault, gain in _gains(misfits).items()}
        score = max(gains.values(), default=0.0)
        recognised = min(misfits.values()) <= RECOGNISED * self.usual_misfit
        flagged = recognised and bool(gains) and score > self.threshold
        fault = max(gains, key=lambda each: gains[each]) if flagged else None
        fitted = linear_map_of(scan)
        return Verdict(
            recognised=recognised,
            flagged=flagged,
            fault=fault,
            margin=_margin(misfits, fault) if fault else 0.0,
            misfits=misfits,
            score=score,
            threshold=self.threshold,
            as_suspicious=float((self.scores >= score).mean()),
            linear_map=fitted,
            map_reading=nearest_ideal(fitted, self.usual_map),
        )


def calibrate(scans: Sequence[ScanMeasurement]) -> HeaderCheck | None:
    """Returns the check of headers that follows from sound scans; None without scans or without predicted gaps.

    Args:
        scans: measured scans whose headers are taken to be sound, preferably ones that the model was not trained on.
    """
    usable = [scan for scan in scans if scan.fits]
    if not usable:
        return None
    accuracy_mm = {
        name: np.sqrt(np.mean([scan.fits[SOUND].missed[name] for scan in usable], axis=0))
        for name in usable[0].fits[SOUND].missed
    }
    misfits = [{reading: relative_misfit(fit, accuracy_mm) for reading, fit in scan.fits.items()} for scan in usable]
    gains = [_gains(each) for each in misfits]
    scores = np.array([_score(gain, _usual(gains[:at] + gains[at + 1 :])) for at, gain in enumerate(gains)])
    usual_map = np.mean([linear_map_of(scan) for scan in usable], axis=0)
    usual_misfit = float(np.quantile([each[SOUND] for each in misfits], 1 - FALSE_ALARMS))
    return HeaderCheck(accuracy_mm, _usual(gains), usual_misfit, usual_map, scores, _threshold(scores))


def relative_misfit(fit: Fit, accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]) -> float:
    """Returns the model's error under a reading as a share of the error of predicting zero.

    Lengths are measured in units of the model's usual error along each axis, so that an axis counts by how well the model
    predicts it.

    Example:
        >>> fit = Fit({"a": np.array([4.0, 4.0, 4.0])}, {"a": np.array([100.0, 100.0, 100.0])})
        >>> relative_misfit(fit, {"a": np.ones(3)})
        0.2
    """
    logs = [
        0.5 * np.log((fit.missed[name] / scale**2).sum() / (fit.stated[name] / scale**2).sum())
        for name, scale in accuracy_mm.items()
    ]
    return float(np.exp(np.mean(logs)))


def _gains(misfits: Mapping[Fault, float]) -> dict[Fault, float]:
    """Returns, per fault, how much better the model fits with the fault undone: log of the misfits' ratio."""
    return {fault: float(np.log(misfits[SOUND] / misfits[fault])) for fault in misfits if fault != SOUND}


def _margin(misfits: Mapping[Fault, float], fault: Fault) -> float:
    """Returns how much better a reading fits than the next best one; 0 if another fits as well."""
    others = [misfit for reading, misfit in misfits.items() if reading != fault]
    return max(0.0, 1 - misfits[fault] / min(others))


def _usual(gains: Sequence[Mapping[Fault, float]]) -> dict[Fault, float]:
    known = {fault: [gain[fault] for gain in gains if fault in gain] for fault in {f for gain in gains for f in gain}}
    return {fault: max(0.0, float(np.mean(values))) for fault, values in known.items()}


def _score(gains: Mapping[Fault, float], usual: Mapping[Fault, float]) -> float:
    """Returns the largest gain above the usual one, which is 0 for a reading under which no sound scan holds views."""
    return max((gain - usual.get(fault, 0.0) for fault, gain in gains.items()), default=0.0)


def _threshold(scores: np.ndarray) -> float:
    """Returns the score that at most 5 % of new sound scans exceed; at least 0, where undoing a fault gains nothing.

    It is the larger of two bounds: that of the ranks, which assumes nothing but depends on one or two scans, and the
    one-sided prediction bound of a normal distribution, which is more stable.
    """
    if len(scores) < ENOUGH_SOUND:
        return max(0.0, float(scores.max()) + FEW_SCANS_MARGIN)
    # The largest allowed number of sound scans above: the rank of a new sound scan among them is uniform.
    above = int(np.floor(FALSE_ALARMS * (len(scores) + 1)))
    spread = float(scores.std(ddof=1) * np.sqrt(1 + 1 / len(scores)))
    normal = float(scores.mean()) + float(student_t.ppf(1 - FALSE_ALARMS, len(scores) - 1)) * spread
    return max(0.0, float(np.sort(scores)[len(scores) - above]), normal)
