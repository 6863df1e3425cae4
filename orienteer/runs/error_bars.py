"""Error bars of predicted gaps: the scales that tasks predict, calibrated on scans that the model was not trained on.

A task learns its scales from its errors on training scans, which are smaller than those on new scans. One factor per axis makes
the bars of held-out scans as wide as their errors require. Where the spread over overlapping views was measured too, bars are
made of both: of a power of the scale and a power of the spread, which are fitted to the logarithms of errors. How well bars
cover is measured by cross-fitting: on each held-out scan, with everything fitted to the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

LEVEL = 0.9
"""Share of the errors that lie within an error bar."""

LAPLACE_REACH = float(np.log(1 / (1 - LEVEL)))
"""Within this many scales of a Laplace distribution lies the share ``LEVEL`` of it."""

FEWEST_FOR_RANK = 8
"""With fewer values, no rank correlation is given."""

FEWEST_FOR_SPREAD = 3
"""With fewer scans, how scale and spread make an error bar cannot be fitted and measured."""

Vectors = Float[np.ndarray, "pairs 3"]
"""One vector per gap, mm."""

Lengths = Float[np.ndarray, " pairs"]
"""One length per gap, mm."""

Factors = Float[np.ndarray, " 3"]
"""One factor per axis."""


@dataclass(frozen=True)
class ScanErrors:
    """The errors of one task's gaps on one scan.

    Attributes:
        errors_mm: predicted minus true gap.
        scales_mm: the scale that the task predicted for each error, per axis.
        spreads_mm: by how much each gap changes beyond what is known when its views are moved; None if not measured.
    """

    errors_mm: Vectors
    scales_mm: Vectors
    spreads_mm: Lengths | None = None


@dataclass(frozen=True)
class Quality:
    """How good error bars are on scans that did not calibrate them.

    Attributes:
        coverage: share of the errors within their bars along the axes; None with one scan.
        rank_gaps: rank correlation of the length of an error with that of its bar, over all gaps.
        rank_scans: the same over the means of scans; None with fewer than eight.
    """

    coverage: float | None
    rank_gaps: float | None
    rank_scans: float | None


@dataclass(frozen=True)
class SpreadBars(Quality):
    """Error bars that are made of scale and spread, and how good they are.

    Attributes:
        powers: of the scale and of the spread.
        axis_factors: as in `ErrorBars`, on the scales that result.
        length_factor: the same.
    """

    powers: tuple[float, float]
    axis_factors: tuple[float, float, float]
    length_factor: float


@dataclass(frozen=True)
class ErrorBars(Quality):
    """How the predicted scales of one task become error bars, and how good these are on scans that were held out.

    Attributes:
        axis_factors: for each axis, the factor on a scale that makes its bar cover 90 % of the errors.
        length_factor: factor on the length of the vector of scales that makes 90 % of the errors shorter than it.
        scans: number of held-out scans that they were calibrated on.
        with_spread: what to use where the spread over overlapping views was measured; None if it was not on these scans.
    """

    axis_factors: tuple[float, float, float]
    length_factor: float
    scans: int
    with_spread: SpreadBars | None = None

    @property
    def best(self) -> Quality:
        """How good the bars are that the report shows: those with the spread, if there are any."""
        return self.with_spread or self

    def half_widths_mm(
        self, scales_mm: Float[np.ndarray, "*gaps 3"], spreads_mm: Float[np.ndarray, " *gaps"] | None = None
    ) -> Float[np.ndarray, "*gaps 3"]:
        """Returns half the length of the error bar of each gap along each axis.

        Args:
            scales_mm: as the task predicts them.
            spreads_mm: over overlapping views, where measured: the bars are better with them.
        """
        scales_mm, bars = self._scales_mm(scales_mm, spreads_mm)
        return np.asarray(scales_mm * np.array(bars.axis_factors) * LAPLACE_REACH)

    def radii_mm(
        self, scales_mm: Float[np.ndarray, "*gaps 3"], spreads_mm: Float[np.ndarray, " *gaps"] | None = None
    ) -> Float[np.ndarray, " *gaps"]:
        """Returns the distance within which the end of each gap lies with a probability of 90 %."""
        scales_mm, bars = self._scales_mm(scales_mm, spreads_mm)
        return np.asarray(np.linalg.norm(scales_mm, axis=-1) * bars.length_factor)

    def _scales_mm(
        self, scales_mm: np.ndarray, spreads_mm: np.ndarray | None
    ) -> tuple[np.ndarray, "ErrorBars | SpreadBars"]:
        if self.with_spread is None or spreads_mm is None:
            return scales_mm, self
        return _with_spread(scales_mm, spreads_mm, self.with_spread.powers), self.with_spread


def calibrate_bars(scans: Sequence[ScanErrors]) -> ErrorBars:
    """Returns the factors that make the bars of these scans cover 90 % of their errors, and how good the bars are.

    Args:
        scans: scans that the model was not trained on, with about as many gaps each; at least one.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scales = rng.uniform(5, 50, (9, 400, 3))
        >>> bars = calibrate_bars([ScanErrors(rng.laplace(0, 2 * each), each) for each in scales])
        >>> [round(factor) for factor in bars.axis_factors], round(bars.coverage, 2)
        ([2, 2, 2], 0.9)
    """
    bars = [_scaled(scan, _without(scans, scan))[0] for scan in scans]
    quality = _quality(
        scans, [(halves, np.linalg.norm(scan.scales_mm, axis=1)) for halves, scan in zip(bars, scans, strict=True)]
    )
    return ErrorBars(
        axis_factors=_triple(_corrected_factors(scans)),
        length_factor=_length_factor(scans),
        scans=len(scans),
        coverage=quality.coverage,
        rank_gaps=quality.rank_gaps,
        rank_scans=quality.rank_scans,
        with_spread=_spread_bars(scans),
    )


def rank_correlation(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float | None:
    """Returns Spearman's rank correlation; None for fewer than eight values or values that are constant.

    Example:
        >>> rank_correlation(np.arange(8.0), -np.arange(8.0)), rank_correlation(np.arange(3.0), np.arange(3.0))
        (-1.0, None)
    """
    if len(first) < FEWEST_FOR_RANK or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def _spread_bars(scans: Sequence[ScanErrors]) -> SpreadBars | None:
    """Returns bars of scale and spread; None where the spread was not measured, or with fewer than three scans."""
    if len(scans) < FEWEST_FOR_SPREAD or any(scan.spreads_mm is None for scan in scans):
        return None
    crossed = []
    for scan in scans:
        others = _without(scans, scan)
        powers = _powers(others)
        crossed.append(_scaled(_combined(scan, powers), [_combined(other, powers) for other in others]))
    quality, powers = _quality(scans, crossed), _powers(scans)
    combined = [_combined(scan, powers) for scan in scans]
    return SpreadBars(
        coverage=quality.coverage,
        rank_gaps=quality.rank_gaps,
        rank_scans=quality.rank_scans,
        powers=powers,
        axis_factors=_triple(_corrected_factors(combined)),
        length_factor=_length_factor(combined),
    )


SMALLEST_SPREAD = 0.1
"""A share of the scale that is added to the spread: two predictions may agree by chance."""

LEAST_VARIATION = 0.05
"""Standard deviation of the logarithms of scales or spreads below which they count as constant: they say nothing of errors."""

LARGEST_POWER = 4.0
"""Of scale and spread. Errors grow about as they do; what asks for more is noise of few gaps."""

RIDGE = 0.01
"""Weight of the penalty on the powers, per value."""


def _powers(scans: Sequence[ScanErrors]) -> tuple[float, float]:
    """Returns the powers of scale and spread that fit the logarithms of the lengths of errors best (ridge regression)."""
    columns, logs = [], []
    for scan in scans:
        assert scan.spreads_mm is not None
        scales = np.linalg.norm(scan.scales_mm, axis=1)
        columns.append(np.log(np.stack([scales, scan.spreads_mm + SMALLEST_SPREAD * scales], 1)))
        errors = np.linalg.norm(scan.errors_mm, axis=1)
        logs.append(np.log(errors + SMALLEST_SPREAD * scales))
    x, y = np.concatenate(columns), np.concatenate(logs)
    x, y = x - x.mean(0), y - y.mean()
    spread = np.maximum(x.std(0), LEAST_VARIATION)
    weights = np.linalg.solve((x / spread).T @ (x / spread) + RIDGE * len(x) * np.eye(2), (x / spread).T @ y) / spread
    scale, moved = np.clip(weights, (-LARGEST_POWER, 0.0), LARGEST_POWER)
    return float(scale), float(moved)


def _combined(scan: ScanErrors, powers: tuple[float, float]) -> ScanErrors:
    assert scan.spreads_mm is not None
    return ScanErrors(scan.errors_mm, _with_spread(scan.scales_mm, scan.spreads_mm, powers))


def _with_spread(
    scales_mm: Float[np.ndarray, "*gaps 3"], spreads_mm: Float[np.ndarray, " *gaps"], powers: tuple[float, float]
) -> Float[np.ndarray, "*gaps 3"]:
    """Returns scales of the same direction, whose length is made of scale and spread, up to a factor."""
    lengths = np.linalg.norm(scales_mm, axis=-1)
    made = lengths ** powers[0] * (spreads_mm + SMALLEST_SPREAD * lengths) ** powers[1]
    return np.asarray(scales_mm * (made / lengths)[..., None])


def _without(scans: Sequence[ScanErrors], scan: ScanErrors) -> list[ScanErrors]:
    return [other for other in scans if other is not scan]


def _scaled(scan: ScanErrors, others: Sequence[ScanErrors]) -> tuple[Vectors, Lengths]:
    """Returns half the error bars of a scan along the axes, with the factors of others, and lengths to compare scans by.

    The lengths are shares of the mean length of the others, since made of other powers they would have another level. Factors
    are left out of them: those of the others are small where the scan's own errors are large.
    """
    lengths = np.asarray(np.linalg.norm(scan.scales_mm, axis=1))
    if not others:
        return scan.scales_mm, lengths
    halves_mm = scan.scales_mm * _corrected_factors(others) * LAPLACE_REACH
    level = np.exp(np.log(_lengths([other.scales_mm for other in others])).mean())
    return np.asarray(halves_mm), np.asarray(lengths / level)


def _quality(scans: Sequence[ScanErrors], bars: Sequence[tuple[Vectors, Lengths]]) -> Quality:
    """Returns how good bars are.

    Args:
        scans: with their errors.
        bars: half the error bars of each scan by all others, and their lengths.
    """
    errors, lengths = [np.linalg.norm(scan.errors_mm, axis=1) for scan in scans], [each for _, each in bars]
    inside = [(np.abs(scan.errors_mm) <= halves).mean() for scan, (halves, _) in zip(scans, bars, strict=True)]
    return Quality(
        coverage=float(np.mean(inside)) if len(scans) > 1 else None,
        rank_gaps=rank_correlation(np.concatenate(lengths), np.concatenate(errors)),
        rank_scans=rank_correlation([each.mean() for each in lengths], [each.mean() for each in errors]),
    )


MOST_CORRECTED = 24
"""With more scans the factors of all are as wide as those of all but one, and are not corrected."""


def _corrected_factors(scans: Sequence[ScanErrors]) -> Factors:
    """Returns the factor of each axis with which 90 % of the errors of a further scan are covered.

    Scans differ, and the factors of a few suit those best. How much too narrow they are for others is measured on each of
    these scans with the factors of the others.
    """
    shares = [np.abs(scan.errors_mm) / scan.scales_mm / LAPLACE_REACH for scan in scans]
    factors = np.quantile(np.concatenate(shares), LEVEL, axis=0)
    if not 3 <= len(scans) <= MOST_CORRECTED:
        return np.asarray(factors)
    others = [np.concatenate([*shares[:number], *shares[number + 1 :]]) for number in range(len(shares))]
    left = [share / np.quantile(rest, LEVEL, axis=0) for share, rest in zip(shares, others, strict=True)]
    return np.asarray(factors * np.quantile(np.concatenate(left), LEVEL, axis=0))


def _length_factor(scans: Sequence[ScanErrors]) -> float:
    errors, scales = ([getattr(scan, name) for scan in scans] for name in ("errors_mm", "scales_mm"))
    return float(np.quantile(_lengths(errors) / _lengths(scales), LEVEL))


def _triple(values: Factors) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _lengths(parts: Sequence[Vectors]) -> Float[np.ndarray, " all_pairs"]:
    return np.asarray(np.linalg.norm(np.concatenate(parts), axis=1))
