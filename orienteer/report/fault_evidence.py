"""How much speaks for each fault of a header, as a likelihood that is calibrated on sound scans.

What counts, where the run has a header reader, is what the reader sees:

- *Orientation*: log-probabilities of the header reader, sharpened or flattened by one number (Guo et al., *On Calibration of
  Modern Neural Networks*, ICML 2017) until they are as good as possible on sound scans.
- *Voxel size*: what the reader makes of it is distributed about a mean that is known for each fault (Student's t, since few
  scans make an uncertain covariance). It is asked for with each orientation undone, and fits only with the right one.

In a run without one it is the *misfit* of predicted gaps: its *gain* is how much better a scan fits with a fault undone. On a
sound scan it is -m on average, with a standard deviation s; with the fault it is +m, since undoing the fault gives the sound
scan back. The log of the likelihood ratio of two normal distributions that differ in their means is linear, 2 m gain / s^2.
The sum of both was tried: the gaps of a scan that is turned or stretched as none of the training is are wrong in ways of their
own, and the sum found fewer faults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from orienteer.geometry.orientations import ORIENTATION_NUMBER
from orienteer.headers.evidence import RIGHT_SIZE, WRONG_SIZES, HeaderLook
from orienteer.report.faults import FAULTS, SOUND, Fault
from orienteer.report.measurement import Fit, ScanMeasurement

SMALLEST_SPREAD = 0.2
"""The spread of the misfit's gain is at least this share of its mean: a few scans that agree by chance prove no precision."""

SMALLEST_SIZE_SPREAD = 0.04
"""The log of the voxel size that a scan looks like is uncertain by at least this."""

SHARPNESS = np.geomspace(0.1, 4.0, 41)
"""Factors on the reader's log-probabilities that are tried."""

TINY = 1e-6
"""Added to squared errors, mm2: a perfect model has none, and none cannot be divided by."""

HYPOTHESES: tuple[Fault, ...] = (SOUND, *FAULTS)
"""What a header may be: sound first."""

NUMBER = {fault: number for number, fault in enumerate(HYPOTHESES)}
"""The place of each hypothesis in ``HYPOTHESES``."""

_ORIENTATION = np.array([ORIENTATION_NUMBER[fault.orientation] for fault in HYPOTHESES])
_SIZE = np.array([(RIGHT_SIZE, *WRONG_SIZES).index(fault.factors) for fault in HYPOTHESES])

Weights = Float[np.ndarray, "hypotheses"]
"""For each of ``HYPOTHESES``, the log of how much likelier a scan is to have it than to be sound."""


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
        0.5 * np.log(np.maximum(fit.missed[name] / scale**2, TINY).sum() / (fit.stated[name] / scale**2).sum())
        for name, scale in accuracy_mm.items()
    ]
    return float(np.exp(np.mean(logs)))


@dataclass(frozen=True)
class MisfitSign:
    """What the misfit of predicted gaps is worth.

    Attributes:
        accuracy_mm: per task that predicts gaps, its root mean square error on sound scans along each axis.
        usual: the mean gain of each fault on sound scans.
        spread: the standard deviation of a gain between sound scans, pooled over the faults.
    """

    accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]
    usual: Mapping[Fault, float]
    spread: float

    @staticmethod
    def fit(scans: Sequence[ScanMeasurement]) -> "MisfitSign | None":
        """Returns what the misfit is worth; None with fewer than two sound scans that it was measured on."""
        fitted = [scan for scan in scans if scan.fits]
        if len(fitted) < 2:
            return None
        accuracy_mm = {
            name: np.sqrt(np.mean([scan.fits[SOUND].missed[name] for scan in fitted], axis=0) + TINY)
            for name in fitted[0].fits[SOUND].missed
        }
        rows = [_gains(scan, accuracy_mm) for scan in fitted]
        columns = {fault: [row[fault] for row in rows if fault in row] for fault in FAULTS}
        columns = {fault: values for fault, values in columns.items() if len(values) >= max(2, len(rows) / 2)}
        if not columns:
            return MisfitSign(accuracy_mm, {}, 1.0)
        usual = {fault: float(np.mean(values)) for fault, values in columns.items()}
        variance = np.mean([np.var(values, ddof=1) for values in columns.values()])
        size = np.mean(np.abs(list(usual.values())))
        return MisfitSign(accuracy_mm, usual, float(np.sqrt(variance + (SMALLEST_SPREAD * size) ** 2) + 1e-9))

    def gains(self, scan: ScanMeasurement) -> dict[Fault, float]:
        """Returns how much better a scan fits with each fault undone; nothing where that was not measured."""
        return _gains(scan, self.accuracy_mm) if scan.fits else {}

    def weights(self, gains: Mapping[Fault, float], fault: Fault) -> Weights:
        """Returns the weights if a scan had a fault: undoing it would then gain what making it loses; others are not known.

        Args:
            gains: of the scan as it is.
            fault: that it is taken to have.
        """
        weights = np.zeros(len(HYPOTHESES))
        if fault != SOUND:
            back = min(gains, key=lambda each: _distance(each, fault.inverse), default=None)
            gains = {fault: -gains[back]} if back is not None and _distance(back, fault.inverse) < 0.1 else {}
        for each, gain in gains.items():
            if each in self.usual and each in NUMBER:
                weights[NUMBER[each]] = 2 * max(0.0, -self.usual[each]) * gain / self.spread**2
        return weights


@dataclass(frozen=True)
class ReaderSign:
    """What the answers of the header reader are worth.

    Attributes:
        sharpness: factor on its log-probabilities.
        means: log factors that it sees on average in sound scans, and in these with each of ``WRONG_SIZES``.
        precisions: inverse covariances of them: what is seen in sound scans differs less.
        log_volumes: half of the log-determinants of these covariances.
        freedom: degrees of freedom of the covariances.
    """

    sharpness: float
    means: Float[np.ndarray, "17 3"]
    precisions: Float[np.ndarray, "17 3 3"]
    log_volumes: Float[np.ndarray, "17"]
    freedom: int

    @staticmethod
    def fit(scans: Sequence[ScanMeasurement]) -> "ReaderSign | None":
        """Returns what the answers are worth; None with fewer than two sound scans that were read."""
        read = [scan.header for scan in scans if scan.header is not None]
        if len(read) < 2:
            return None
        logs = np.stack([each.logs[0] for each in read])
        likelihoods = [float(np.mean(_log_softmax(factor * logs)[:, 0])) for factor in SHARPNESS]
        sizes = np.stack([each.sizes[:, 0] for each in read])
        apart = sizes - sizes.mean(0)
        covariances = np.einsum("nhi,nhj->hij", apart, apart) / (len(read) - 1)
        own = np.einsum("hii->hi", covariances)[:, :, None] * np.eye(3)
        covariances = (covariances + own) / 2 + SMALLEST_SIZE_SPREAD**2 * np.eye(3)
        return ReaderSign(
            sharpness=float(SHARPNESS[int(np.argmax(likelihoods))]),
            means=sizes.mean(0),
            precisions=np.linalg.inv(covariances),
            log_volumes=np.linalg.slogdet(covariances)[1] / 2,
            freedom=len(read) - 1,
        )

    def log_likelihoods(self, look: HeaderLook) -> Weights:
        """Returns the log of the likelihood of each hypothesis, up to one constant for all scans."""
        apart = look.sizes[_ORIENTATION] - self.means[_SIZE]
        distance = np.einsum("hi,hij,hj->h", apart, self.precisions[_SIZE], apart)
        size = -(self.freedom + 3) / 2 * np.log1p(distance / self.freedom) - self.log_volumes[_SIZE]
        return np.asarray(self.sharpness * look.logs[_ORIENTATION] + size)

    def weights(self, scan: ScanMeasurement, fault: Fault) -> Weights:
        """Returns the weights if a scan had a fault."""
        if scan.header is None:
            return np.zeros(len(HYPOTHESES))
        logs = self.log_likelihoods(scan.header.if_faulty(fault.orientation, fault.factors))
        return np.asarray(logs - logs[0])

    def likeness(self, scan: ScanMeasurement, fault: Fault) -> tuple[Fault, float]:
        """Returns the best hypothesis if a scan had a fault, and its log-likelihood: low for a scan unlike those of the run."""
        if scan.header is None:
            return SOUND, np.nan
        logs = self.log_likelihoods(scan.header.if_faulty(fault.orientation, fault.factors))
        best = int(np.argmax(logs))
        return HYPOTHESES[best], float(logs[best])


@dataclass(frozen=True)
class FaultEvidence:
    """What each sign is worth, from sound scans. The reader counts; the misfit counts where there is no reader.

    Attributes:
        misfit: of predicted gaps; None if the run predicts none.
        reader: the header reader; None if the run has none.
    """

    misfit: MisfitSign | None
    reader: ReaderSign | None

    @staticmethod
    def fit(scans: Sequence[ScanMeasurement]) -> "FaultEvidence":
        """Returns what the signs are worth.

        Args:
            scans: at least two sound scans.
        """
        return FaultEvidence(MisfitSign.fit(scans), ReaderSign.fit(scans))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that there is any evidence about."""
        if self.reader is not None:
            return FAULTS
        return tuple(fault for fault in FAULTS if self.misfit is not None and fault in self.misfit.usual)

    def misfits(self, scan: ScanMeasurement) -> dict[Fault, float]:
        """Returns the relative misfit of each reading of a scan; none where its size on sound scans is not known."""
        if self.misfit is None:
            return {}
        return {reading: relative_misfit(fit, self.misfit.accuracy_mm) for reading, fit in scan.fits.items()}

    def weigh(self, scan: ScanMeasurement, fault: Fault = SOUND) -> Weights:
        """Returns the weights of all hypotheses for a scan, or for what it would be if its header had a fault."""
        return np.asarray(self._rows(scan, (fault,))[0])

    def weigh_all(self, scan: ScanMeasurement) -> Float[np.ndarray, "true hypotheses"]:
        """Returns the weights for a scan if each of ``HYPOTHESES`` were true of its header."""
        return self._rows(scan, HYPOTHESES)

    def _rows(self, scan: ScanMeasurement, faults: Sequence[Fault]) -> Float[np.ndarray, "true hypotheses"]:
        if self.reader is not None:
            reader = self.reader
            return np.stack([reader.weights(scan, fault) for fault in faults])
        if self.misfit is None:
            return np.zeros((len(faults), len(HYPOTHESES)))
        misfit, gains = self.misfit, self.misfit.gains(scan)
        return np.stack([misfit.weights(gains, fault) for fault in faults])


def _gains(scan: ScanMeasurement, accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]) -> dict[Fault, float]:
    misfits = {reading: relative_misfit(fit, accuracy_mm) for reading, fit in scan.fits.items()}
    return {fault: float(np.log(misfits[SOUND] / misfits[fault])) for fault in misfits if fault != SOUND}


def _distance(one: Fault, other: Fault) -> float:
    """Returns how far apart two faults are: the inverse of 1.67 is nearly 0.6."""
    if one.orientation != other.orientation:
        return np.inf
    return float(np.abs(np.log(one.factors) - np.log(other.factors)).sum())


def _log_softmax(logs: Float[np.ndarray, "scans 48"]) -> Float[np.ndarray, "scans 48"]:
    high = logs - logs.max(1, keepdims=True)
    return np.asarray(high - np.log(np.exp(high).sum(1, keepdims=True)))
