"""Signs of trust: what can be read on a scan without any truth, and how well each of them follows the true error.

Three signs are compared on scans that the model was not trained on: the closure error, the spread over overlapping views, and
the error bar. A sign is worth what its rank correlation with the true error is; one that was not measured is no sign.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import BLUE
from orienteer.report.measurement import ScanMeasurement
from orienteer.runs.error_bars import FEWEST_FOR_RANK, ErrorBars, calibrate_bars, rank_correlation
from orienteer.scoring.bootstrap import interval

RESAMPLES = 500


@dataclass(frozen=True)
class Rank:
    """A rank correlation with the true error.

    Attributes:
        value: Spearman's; None with fewer than eight values.
        low: lower end of the interval over scans; None with fewer than eight scans.
        high: its upper end.
        count: number of values.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True)
class Sign:
    """One sign of trust.

    Attributes:
        name: in words.
        scans: how the means of scans follow their errors.
        sets: how single view sets follow their errors.
        set_values_mm: the sign of each view set, scan by scan.
        set_errors_mm: the true error of each.
    """

    name: str
    scans: Rank
    sets: Rank
    set_values_mm: tuple[np.ndarray, ...]
    set_errors_mm: tuple[np.ndarray, ...]

    @property
    def shown(self) -> Rank:
        """The rank correlation by which it is compared: over scans if there are enough, else over view sets."""
        return self.scans if self.scans.value is not None else self.sets


SetValues = Callable[[ScanMeasurement], np.ndarray | None]
"""Returns a sign of each view set of a scan; None if it was not measured."""


def bars_of(scans: Sequence[ScanMeasurement]) -> dict[str, ErrorBars]:
    """Returns the calibrated error bars of each task that predicts scales, from scans that it was not trained on."""
    tasks = scans[0].scales_mm if scans else {}
    return {task: calibrate_bars([scan.errors_of(task) for scan in scans]) for task in tasks}


def set_radii_mm(scan: ScanMeasurement, bars: Mapping[str, ErrorBars]) -> np.ndarray | None:
    """Returns the error bar of each view set: the mean radius over pairs and tasks, mm; None without error bars."""
    known = [(bars[task], scales, scan.spreads_mm.get(task)) for task, scales in scan.scales_mm.items() if task in bars]
    radii = [bar.radii_mm(scales, spreads) for bar, scales, spreads in known]
    sets = len(scan.set_errors_mm)
    return np.mean([each.reshape(sets, -1).mean(axis=1) for each in radii], axis=0) if radii else None


def closure_excess(scan: ScanMeasurement, bars: Mapping[str, ErrorBars]) -> float | None:
    """Returns the closure error as a multiple of what independent errors of the predicted scale would add up to.

    The errors of the steps of a route partly cancel on the way back, so that the multiple is below 1 on scans like those that
    the model knows. Above 1, its steps contradict each other by more than its error bars say.

    Args:
        scan: with closure errors and scales; else None is returned.
        bars: the run's error bars.
    """
    scales = [scan.scales_mm[task] * np.array(bars[task].axis_factors) for task in scan.scales_mm if task in bars]
    if scan.set_closures_mm is None or not scales:
        return None
    pairs = len(scales[0]) // len(scan.set_closures_mm)
    views = (1 + (1 + 4 * pairs) ** 0.5) / 2  # each in both orders
    # The variance of a Laplace distribution is 2 b^2; those of independent steps add up.
    expected_mm = max(float(np.sqrt((2 * each**2).sum(axis=1).mean() * views)) for each in scales)
    return float(scan.set_closures_mm.mean()) / expected_mm


def signs_of_trust(scans: Sequence[ScanMeasurement], bars: Mapping[str, ErrorBars]) -> tuple[Sign, ...]:
    """Returns the signs that were measured, the best first.

    Args:
        scans: scans with sound headers that the model was not trained on.
        bars: the run's error bars.
    """
    measured: dict[str, SetValues] = {
        "error bar": lambda scan: set_radii_mm(scan, bars),
        "closure error": lambda scan: scan.set_closures_mm,
        "spread over overlapping views": lambda scan: scan.set_spreads_mm,
    }
    signs = [_sign(name, values, scans) for name, values in measured.items()]
    known = [sign for sign in signs if sign is not None]
    return tuple(sorted(known, key=lambda sign: -2.0 if sign.shown.value is None else sign.shown.value, reverse=True))


def best_sign(signs: Sequence[Sign]) -> Sign | None:
    """Returns the sign that follows the error best, if it is known to follow it at all: its interval is above 0."""
    best = signs[0] if signs else None
    return best if best is not None and best.shown.low is not None and best.shown.low > 0 else None


def draw_sign(sign: Sign) -> bytes:
    """Returns a PNG of true error over a sign: a dot per view set and one per scan."""
    figure = new_figure(700, 420)
    axes = figure.subplots()
    values, errors = sign.set_values_mm, sign.set_errors_mm
    axes.plot(np.concatenate(values), np.concatenate(errors), ".", color="0.6", markersize=4, label="view sets")
    means = [[float(each.mean()) for each in parts] for parts in (values, errors)]
    axes.plot(*means, "o", color=BLUE, markersize=7, label="scans (means)")
    axes.set_xlabel(f"{sign.name}, mm (needs no truth)")
    axes.set_ylabel("true error, mm")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure)


def _sign(name: str, values_of: SetValues, scans: Sequence[ScanMeasurement]) -> Sign | None:
    values, errors = [], []
    for scan in scans:
        each = values_of(scan)
        if each is not None and len(each):
            values.append(np.asarray(each))
            errors.append(scan.set_errors_mm[: len(each)])
    if not values:
        return None
    means = [np.array([part.mean() for part in parts]) for parts in (values, errors)]
    over_scans = _rank(means[0][:, None], means[1][:, None])
    return Sign(name, over_scans, _rank(values, errors), tuple(values), tuple(errors))


def _rank(values: Sequence[np.ndarray] | np.ndarray, errors: Sequence[np.ndarray] | np.ndarray) -> Rank:
    """Returns the rank correlation over all values, with an interval over scans."""
    count = len(values)
    rng = np.random.default_rng(0)

    def ranked(chosen: Sequence[int] | np.ndarray) -> float | None:
        return rank_correlation(*(np.concatenate([parts[k] for k in chosen]) for parts in (values, errors)))

    whole = ranked(range(count))
    total = sum(len(part) for part in values)
    if whole is None or count < FEWEST_FOR_RANK:
        return Rank(whole, None, None, total)
    resampled = [ranked(rng.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = interval([each for each in resampled if each is not None])
    return Rank(whole, low, high, total)
