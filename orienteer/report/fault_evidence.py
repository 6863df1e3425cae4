"""How much speaks for each fault of a header: several signs, weighed by what they are worth on sound scans.

A *gain* of a sign is how much better a scan fits with a fault undone. On a sound scan it is negative on average, -m with a
standard deviation s; with the fault it is +m, since undoing the fault gives the sound scan back. The log of the likelihood
ratio of two normal distributions that differ in their means is linear, 2 m gain / s^2. A sign that says nothing about a
fault (left and right of a brain) has m near 0 and so no weight. Ratios of several signs add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.report.faults import ORIENTATION_FAULTS, SOUND, SPACING_FAULTS, Fault
from orienteer.report.measurement import Fit, ScanMeasurement

SMALLEST_SPREAD = 0.2
"""The spread of a sign is at least this share of its mean: a few scans that agree by chance prove no precision."""

SMALLEST_SIZE_SPREAD = 0.04
"""The log of the voxel size that a scan looks like is uncertain by at least this."""

LEAST_RESPONSE = 0.1
"""A model whose prediction follows less than this share of a change of voxel size does not know voxel sizes."""

TINY = 1e-6
"""Added to squared errors, mm2: a perfect model has none, and none cannot be divided by."""

Gains = Mapping[str, Mapping[Fault, float]]
"""For each sign, the gain of undoing each fault."""


def gains_of(scan: ScanMeasurement, accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]) -> Gains:
    """Returns the gains of the two signs that compare a scan as stated with a fault undone: misfit and orientation.

    Args:
        scan: what was measured on it.
        accuracy_mm: per task, the model's usual error along each axis.
    """
    gains: dict[str, Mapping[Fault, float]] = {}
    if scan.fits:
        misfits = {reading: relative_misfit(fit, accuracy_mm) for reading, fit in scan.fits.items()}
        gains["misfit"] = {f: float(np.log(misfits[SOUND] / misfits[f])) for f in misfits if f != SOUND}
    if scan.misread is not None:
        likelier = dict(zip(ORIENTATIONS, scan.misread.gains.tolist(), strict=True))
        gains["orientations"] = {fault: likelier[fault.orientation] for fault in ORIENTATION_FAULTS}
    return gains


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
class VoxelSize:
    """What the predicted voxel sizes of sound scans look like.

    Attributes:
        response: by how much the prediction follows a change of voxel size along each axis, 1 if fully.
        usual: the log factor that sound scans appear to have along each axis, mean.
        precision: inverse covariance of it.
    """

    response: Float[np.ndarray, "3"]
    usual: Float[np.ndarray, "3"]
    precision: Float[np.ndarray, "3 3"]

    @staticmethod
    def fit(scans: Sequence[ScanMeasurement]) -> "VoxelSize | None":
        """Returns what sound scans look like; None if the model does not know voxel sizes."""
        seen = [scan.misread for scan in scans if scan.misread is not None]
        if len(seen) < 2:
            return None
        given = np.concatenate([each.given - each.given.mean(0) for each in seen])
        predicted = np.concatenate([each.seen - each.seen.mean(0) for each in seen])
        response = (given * predicted).sum(0) / np.maximum((given**2).sum(0), 1e-9)
        if (response < LEAST_RESPONSE).any():
            return None
        logs = np.stack([_log_factor(scan, response) for scan in scans if scan.misread is not None])
        covariance = np.cov(logs, rowvar=False)
        covariance = (covariance + np.diag(covariance.diagonal())) / 2 + SMALLEST_SIZE_SPREAD**2 * np.eye(3)
        return VoxelSize(response, logs.mean(0), np.linalg.inv(covariance))

    def log_factor(self, scan: ScanMeasurement) -> Float[np.ndarray, "3"] | None:
        """Returns the log of stated over true voxel size that a scan appears to have, beyond the usual one."""
        return None if scan.misread is None else _log_factor(scan, self.response) - self.usual

    def weight(self, log_factor: Float[np.ndarray, "3"], fault: Fault) -> float:
        """Returns the log of the likelihood ratio of a wrong voxel size to the right one."""
        wrong = np.log(fault.factors)
        return float(wrong @ self.precision @ log_factor - wrong @ self.precision @ wrong / 2)


@dataclass(frozen=True)
class FaultEvidence:
    """What each sign is worth, from sound scans.

    Attributes:
        accuracy_mm: per task that predicts gaps, its root mean square error on sound scans along each axis.
        usual: for each sign, the mean gain of each fault on sound scans.
        spread: for each sign, the standard deviation of a gain between sound scans, pooled over the faults.
        voxel_size: what predicted voxel sizes look like; None if the model knows none.
    """

    accuracy_mm: Mapping[str, Float[np.ndarray, " 3"]]
    usual: Gains
    spread: Mapping[str, float]
    voxel_size: VoxelSize | None

    @staticmethod
    def fit(scans: Sequence[ScanMeasurement]) -> "FaultEvidence":
        """Returns what the signs are worth.

        Args:
            scans: at least two sound scans.
        """
        accuracy_mm = _accuracy_mm(scans)
        each = [gains_of(scan, accuracy_mm) for scan in scans]
        usual, spread = {}, {}
        for sign in {sign for gains in each for sign in gains}:
            rows = [gains[sign] for gains in each if sign in gains]
            columns = {f: [row[f] for row in rows if f in row] for f in dict.fromkeys(f for row in rows for f in row)}
            columns = {fault: values for fault, values in columns.items() if len(values) >= max(2, len(rows) / 2)}
            if columns:
                usual[sign] = {fault: float(np.mean(values)) for fault, values in columns.items()}
                variance = np.mean([np.var(values, ddof=1) for values in columns.values()])
                size = np.mean(np.abs(list(usual[sign].values())))
                spread[sign] = float(np.sqrt(variance + (SMALLEST_SPREAD * size) ** 2) + 1e-9)
        return FaultEvidence(accuracy_mm, usual, spread, VoxelSize.fit(scans))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that there is any evidence about."""
        judged = {fault for gains in self.usual.values() for fault in gains}
        judged |= set(SPACING_FAULTS) if self.voxel_size is not None else set()
        return tuple(
            fault for fault in dict.fromkeys((*ORIENTATION_FAULTS, *SPACING_FAULTS, *judged)) if fault in judged
        )

    def weigh(self, scan: ScanMeasurement) -> dict[Fault, float]:
        """Returns, for each fault, the log of how much likelier a scan is to have it than to be sound."""
        gains = gains_of(scan, self.accuracy_mm)
        size = self.voxel_size.log_factor(scan) if self.voxel_size is not None else None
        return {fault: self._ratio(gains, size, fault, fault, 1) for fault in self.faults}

    def weigh_if_faulty(self, scan: ScanMeasurement) -> dict[Fault, float]:
        """Returns the same for a sound scan if it had the fault: undoing it would then lose what doing it gains."""
        gains = gains_of(scan, self.accuracy_mm)
        size = self.voxel_size.log_factor(scan) if self.voxel_size is not None else None
        return {
            fault: self._ratio(
                gains, None if size is None else size + np.log(fault.factors), fault, _nearest(fault.inverse), -1
            )
            for fault in self.faults
        }

    def _ratio(
        self, gains: Gains, log_factor: Float[np.ndarray, "3"] | None, fault: Fault, read: Fault, sign_of_gain: int
    ) -> float:
        ratio = 0.0
        for sign, usual in self.usual.items():
            if fault in usual and read in gains.get(sign, {}):
                ratio += 2 * max(0.0, -usual[fault]) * sign_of_gain * gains[sign][read] / self.spread[sign] ** 2
        if log_factor is not None and self.voxel_size is not None and fault.spacing_factor != 1:
            ratio += self.voxel_size.weight(log_factor, fault)
        return ratio


def _nearest(fault: Fault) -> Fault:
    """Returns the fault that is tried and most like one: the inverse of 1.67 is 0.6."""
    if fault.spacing_factor == 1:
        return fault
    return min(SPACING_FAULTS, key=lambda each: float(np.abs(np.log(each.factors) - np.log(fault.factors)).sum()))


def _accuracy_mm(scans: Sequence[ScanMeasurement]) -> dict[str, Float[np.ndarray, " 3"]]:
    fits = [scan.fits[SOUND] for scan in scans if scan.fits]
    names = fits[0].missed if fits else ()
    return {name: np.sqrt(np.mean([fit.missed[name] for fit in fits], axis=0) + TINY) for name in names}


def _log_factor(scan: ScanMeasurement, response: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    assert scan.misread is not None
    factor: np.ndarray = (scan.misread.seen / response - scan.misread.given).mean(0)
    return factor
