"""Whether to believe a scan's header: its geometry is the claim, the anatomy that the model knows is the witness.

Two witnesses are heard. First the *linear map* from the header's gaps to the predicted gaps: near the identity for a
sound scan; ideally -1 on a mirrored axis, a permutation for swapped axes, a scale for a wrong spacing. Second, and
sharper, the *readings*: each fault is undone in turn and the model looks again; the reading under which its gaps fit
best is what the scan looks like. The map alone can miss a mirrored left-right axis: a body is nearly its own mirror
image, and a model that tells the side from the skin still reads +1 there. The misfit does not miss it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr
from scipy.stats import t as student_t

from orienteer.report.scan_errors import SOUND, Fit, ScanFigures
from orienteer.report.spoil import FAULTS, Fault

FALSE_ALARMS = 0.05
"""Share of sound scans that may be flagged."""

ENOUGH_SOUND = 19
"""With fewer sound scans a rate of false alarms of 5 % cannot be seen: 1 in 20 is the smallest share there is."""

FEW_SCANS_MARGIN = 0.1
"""With too few sound scans, how far a score must lie beyond all of theirs: a tenth of the misfit."""

RECOGNISED = 2.0
"""Where even the best reading fits worse than this times the worst but 5 % of sound scans, the model does not know what it
sees (another part of the body, another kind of scanner, a fault that was not tried), and is no witness."""

Map = Float[np.ndarray, "3 3"]


@dataclass(frozen=True)
class Verdict:
    """What the witnesses say of one scan's header.

    Attributes:
        recognised: whether the model knows the anatomy under any reading. If not, it cannot tell.
        flagged: whether the header looks less sound than all but 5 % of sound ones.
        fault: what it looks like if it is flagged; else None.
        better: how much smaller the misfit is with that fault undone than under the next best reading, 0 to 1.
        misfits: relative misfit (0 perfect, 1 as bad as saying nothing) by reading.
        score: log of the misfit as claimed over the least misfit with a fault undone; above 0 a fault fits better.
        threshold: scores above this are flagged.
        as_suspicious: share of the sound scans whose score is as high.
        linear_map: from the header's gaps (columns) to the predicted gaps (rows), mean over tasks.
        map_reading: the fault whose ideal map is nearest to it; ``sound`` where that is the identity.
    """

    recognised: bool
    flagged: bool
    fault: Fault | None
    better: float
    misfits: Mapping[Fault, float]
    score: float
    threshold: float
    as_suspicious: float
    linear_map: Map
    map_reading: Fault


@dataclass(frozen=True)
class Witness:
    """What sound scans look like to a model, and so what it takes to raise the alarm.

    Attributes:
        accuracy_mm: per task, the model's root mean square error on sound scans along each axis.
        usual_gain: per fault, the mean on sound scans of what undoing it gains (log of the misfits' ratio), at least
            0. It is above 0 only if the model prefers the faulty reading of sound scans, as a poor one may.
        usual_misfit: the relative misfit that all but 5 % of sound scans stay below, their headers as they are.
        usual_map: the linear map of sound scans.
        scores: the scores of the sound scans, each judged by the others.
        threshold: the score beyond which a scan is flagged.
    """

    accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]
    usual_gain: Mapping[Fault, float]
    usual_misfit: float
    usual_map: Map
    scores: Float[np.ndarray, " scans"]
    threshold: float

    @property
    def calibrated(self) -> bool:
        """Whether there were enough sound scans to set a rate of false alarms."""
        return len(self.scores) >= ENOUGH_SOUND

    def judge(self, scan: ScanFigures) -> Verdict:
        """Returns the verdict on a scan that was measured with the same model."""
        misfits = {reading: relative_misfit(fit, self.accuracy_mm) for reading, fit in scan.fits.items()}
        gains = {fault: gain - self.usual_gain.get(fault, 0.0) for fault, gain in _gains(misfits).items()}
        score = max(gains.values(), default=0.0)
        recognised = min(misfits.values()) <= RECOGNISED * self.usual_misfit
        flagged = recognised and bool(gains) and score > self.threshold
        fault = max(gains, key=lambda each: gains[each]) if flagged else None
        found = linear_map_of(scan)
        return Verdict(
            recognised=recognised,
            flagged=flagged,
            fault=fault,
            better=_ahead(misfits, fault) if fault else 0.0,
            misfits=misfits,
            score=score,
            threshold=self.threshold,
            as_suspicious=float((self.scores >= score).mean()),
            linear_map=found,
            map_reading=nearest_ideal(found, self.usual_map),
        )


def learn_sound(scans: Sequence[ScanFigures]) -> Witness | None:
    """Returns a witness that knows what these sound scans look like; None without scans or without predicted gaps.

    Args:
        scans: measured scans whose headers are believed, best ones that the model was not trained on.
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
    return Witness(accuracy_mm, _usual(gains), usual_misfit, usual_map, scores, _threshold(scores))


def relative_misfit(fit: Fit, accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]) -> float:
    """Returns the model's error under a reading as a share of what saying nothing would miss by.

    Each axis counts by how well the model knows it: lengths are measured in its usual error along that axis.

    Example:
        >>> fit = Fit({"a": np.array([4.0, 4.0, 4.0])}, {"a": np.array([100.0, 100.0, 100.0])})
        >>> relative_misfit(fit, {"a": np.ones(3)})
        0.2
    """
    logs = [
        0.5 * np.log((fit.missed[name] / scale**2).sum() / (fit.claimed[name] / scale**2).sum())
        for name, scale in accuracy_mm.items()
    ]
    return float(np.exp(np.mean(logs)))


def linear_map(
    true_mm: Float[np.ndarray, "pairs 3"], predicted_mm: Float[np.ndarray, "pairs 3"], rounds: int = 10
) -> Map:
    """Returns the matrix that turns the header's gaps into the predicted gaps, by robust least squares.

    Pairs that miss by more than 1.345 usual errors count less (Huber's weights), so that a few views without any mark
    do not bend the map.

    Args:
        true_mm: gaps by the header.
        predicted_mm: what the model predicts for the same pairs.
        rounds: rounds of reweighting.

    Example:
        >>> gaps = np.random.default_rng(0).normal(size=(50, 3)) * 100
        >>> (linear_map(gaps, gaps * [-1, 1, 1]).round(6) + 0.0).tolist()
        [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    weight = np.ones(len(true_mm))
    for _ in range(rounds):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq(true_mm * root, predicted_mm * root, rcond=None)[0].T
        missed = np.linalg.norm(predicted_mm - true_mm @ found.T, axis=1)
        usual = max(1.4826 * float(np.median(missed)), 1e-9)
        weight = np.minimum(1.0, 1.345 * usual / np.maximum(missed, 1e-9))
    return found


def linear_map_of(scan: ScanFigures) -> Map:
    """Returns a scan's linear map, the mean over the tasks that predict gaps."""
    return np.mean([linear_map(scan.true_mm, gaps) for gaps in scan.predicted_mm.values()], axis=0)


def ideal_map(fault: Fault) -> Map:
    """Returns the map from the header's gaps to the true ones: what a model that knows everything would show.

    Example:
        >>> ideal_map(Fault(mirrored=(0,))).diagonal().tolist(), ideal_map(Fault(spacing_factor=2.0))[0, 0].item()
        ([-1.0, 1.0, 1.0], 0.5)
    """
    found = np.eye(3)
    for axis in fault.mirrored:
        found[axis, axis] = -1
    if fault.swapped is not None:
        first, second = fault.swapped
        found[:, [first, second]] = found[:, [second, first]]
    return found / fault.spacing_factor


def nearest_ideal(found: Map, usual: Map, faults: Sequence[Fault] = (*FAULTS, Fault(spacing_factor=0.5))) -> Fault:
    """Returns the fault whose map is nearest to the one found, on top of what the model shows for sound scans."""
    distance = {fault: float(np.linalg.norm(found - usual @ ideal_map(fault))) for fault in (SOUND, *faults)}
    return min(distance, key=lambda fault: distance[fault])


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation; None for fewer than three scans or values that are all alike.

    Example:
        >>> round(rank_correlation([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 40.0, 30.0]), 3)
        0.8
    """
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def _gains(misfits: Mapping[Fault, float]) -> dict[Fault, float]:
    """Returns, per fault, how much better the model fits with the fault undone: log of the misfits' ratio."""
    return {fault: float(np.log(misfits[SOUND] / misfits[fault])) for fault in misfits if fault != SOUND}


def _ahead(misfits: Mapping[Fault, float], fault: Fault) -> float:
    """Returns how much better a reading fits than the next best one; 0 where another fits as well."""
    others = [misfit for reading, misfit in misfits.items() if reading != fault]
    return max(0.0, 1 - misfits[fault] / min(others))


def _usual(gains: Sequence[Mapping[Fault, float]]) -> dict[Fault, float]:
    known = {fault: [gain[fault] for gain in gains if fault in gain] for fault in {f for gain in gains for f in gain}}
    return {fault: max(0.0, float(np.mean(values))) for fault, values in known.items()}


def _score(gains: Mapping[Fault, float], usual: Mapping[Fault, float]) -> float:
    """Returns the largest gain above the usual one; of a reading that no sound scan could hold, 0 is usual."""
    return max((gain - usual.get(fault, 0.0) for fault, gain in gains.items()), default=0.0)


def _threshold(scores: np.ndarray) -> float:
    """Returns the score that at most 5 % of new sound scans exceed; at least 0, where undoing a fault gains nothing.

    The larger of two bounds: that of the ranks, which assumes nothing but depends on one or two scans, and the one-sided
    prediction bound of a normal distribution, which is steadier.
    """
    if len(scores) < ENOUGH_SOUND:
        return max(0.0, float(scores.max()) + FEW_SCANS_MARGIN)
    # The largest allowed number of sound scans above: the rank of a new sound scan among them is uniform.
    above = int(np.floor(FALSE_ALARMS * (len(scores) + 1)))
    spread = float(scores.std(ddof=1) * np.sqrt(1 + 1 / len(scores)))
    normal = float(scores.mean()) + float(student_t.ppf(1 - FALSE_ALARMS, len(scores) - 1)) * spread
    return max(0.0, float(np.sort(scores)[len(scores) - above]), normal)
