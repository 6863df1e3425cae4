"""Error bars of predicted gaps: the scales that tasks predict, calibrated on scans that the model was not trained on.

A task learns its scales from its errors on training scans, which are smaller than those on new scans. One factor per axis makes
the bars of held-out scans as wide as their errors require. How well such bars cover is measured by cross-fitting: on each
held-out scan, with the factors of all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.runs.records import run_fingerprint
from orienteer.runs.run_config import read_config
from orienteer.runs.split import read_split
from orienteer.settings import make_settings

ERROR_BARS_FILE = "error_bars.json"

LEVEL = 0.9
"""Share of the errors that lie within an error bar."""

LAPLACE_REACH = float(np.log(1 / (1 - LEVEL)))
"""Within this many scales of a Laplace distribution lies the share ``LEVEL`` of it."""

FEWEST_FOR_RANK = 8
"""With fewer values, no rank correlation is given."""

Vectors = Float[np.ndarray, "pairs 3"]
"""One vector per gap, mm."""


@dataclass(frozen=True)
class ScanErrors:
    """The errors of one task's gaps on one scan.

    Attributes:
        errors_mm: predicted minus true gap.
        scales_mm: the scale that the task predicted for each error, per axis.
    """

    errors_mm: Vectors
    scales_mm: Vectors


class _Bars(TypedDict):
    axis_factors: tuple[float, float, float]
    length_factor: float
    scans: int
    coverage: float | None
    rank_gaps: float | None
    rank_scans: float | None
    run: NotRequired[str]


@dataclass(frozen=True)
class ErrorBars:
    """How the predicted scales of one task become error bars, and how good these are on scans that were held out.

    Attributes:
        axis_factors: for each axis, the factor on a scale that makes its bar cover 90 % of the errors.
        length_factor: factor on the length of the vector of scales that makes 90 % of the errors shorter than it.
        scans: number of held-out scans that they were calibrated on.
        coverage: share of the errors within their bars along the axes, each scan with the factors of the others; None with
            one scan.
        rank_gaps: rank correlation of the length of an error with that of its bar, over all gaps.
        rank_scans: the same over the means of scans; None with fewer than eight.
    """

    axis_factors: tuple[float, float, float]
    length_factor: float
    scans: int
    coverage: float | None
    rank_gaps: float | None
    rank_scans: float | None

    def half_widths_mm(self, scales_mm: Float[np.ndarray, "*gaps 3"]) -> Float[np.ndarray, "*gaps 3"]:
        """Returns half the length of the error bar of each gap along each axis."""
        return np.asarray(scales_mm * np.array(self.axis_factors) * LAPLACE_REACH)

    def radii_mm(self, scales_mm: Float[np.ndarray, "*gaps 3"]) -> Float[np.ndarray, " *gaps"]:
        """Returns the distance within which the end of each gap lies with a probability of 90 %."""
        return np.asarray(np.linalg.norm(scales_mm, axis=-1) * self.length_factor)


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
    factors = _axis_factors(scans)
    errors, scales = _lengths([scan.errors_mm for scan in scans]), _lengths([scan.scales_mm for scan in scans])
    means = [(float(_lengths([each.errors_mm]).mean()), float(_lengths([each.scales_mm]).mean())) for each in scans]
    return ErrorBars(
        axis_factors=(float(factors[0]), float(factors[1]), float(factors[2])),
        length_factor=float(np.quantile(errors / scales, LEVEL)),
        scans=len(scans),
        coverage=_coverage(scans) if len(scans) > 1 else None,
        rank_gaps=rank_correlation(scales, errors),
        rank_scans=rank_correlation([scale for _, scale in means], [error for error, _ in means]),
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


def write_error_bars(folder: Path, bars: Mapping[str, ErrorBars], run: str) -> None:
    """Writes error_bars.json into a run folder: the calibration of each task that predicts scales.

    Args:
        folder: of the run.
        bars: by the task's name.
        run: what tells the run from others, see `run_fingerprint`.
    """
    write_json(folder / ERROR_BARS_FILE, {name: {**asdict(each), "run": run} for name, each in bars.items()})


def read_error_bars(folder: Path) -> dict[str, ErrorBars]:
    """Returns the calibration of each task of a run; none for a run that has none.

    Raises:
        InputError: the file is damaged, or is that of another run.
    """
    if not (folder / ERROR_BARS_FILE).is_file():
        return {}
    do = f"orienteer pretrain --resume --out {folder} writes it anew; or delete the file to do without error bars"
    content = read_json(folder / ERROR_BARS_FILE, dict[str, _Bars], wanted="the error bars of a run", do=do)
    runs = {values["run"] for values in content.values() if "run" in values}  # older versions wrote none
    if runs - {run_of(folder) if runs else ""}:
        what, wanted = str(folder / ERROR_BARS_FILE), "the error bars of this run: of its scans, its seed and its steps"
        raise InputError(what, wanted=wanted, got="those of another run", do=do)
    for name, values in content.items():
        factors = (*values["axis_factors"], values["length_factor"])
        if min(factors) <= 0:
            what = f"{name} in {folder / ERROR_BARS_FILE}"
            raise InputError(what, wanted="factors above zero", got=str(factors), do=do)
    known = ErrorBars.__dataclass_fields__
    return {name: make_settings(ErrorBars, {key: values[key] for key in known}) for name, values in content.items()}


def run_of(folder: Path) -> str:
    """Returns what tells a run from others, see `run_fingerprint`.

    Raises:
        InputError: a damaged run folder.
    """
    config, (training, heldout) = read_config(folder), read_split(folder)
    return run_fingerprint([*training, *heldout], config.seed, config.steps)


def lost_error_bars(folder: Path) -> bool:
    """Returns whether the file of a run's error bars is gone or damaged."""
    try:
        return not read_error_bars(folder)
    except InputError:
        return True


def _axis_factors(scans: Sequence[ScanErrors]) -> Float[np.ndarray, " 3"]:
    shares = np.concatenate([np.abs(scan.errors_mm) / scan.scales_mm for scan in scans])
    return np.asarray(np.quantile(shares, LEVEL, axis=0) / LAPLACE_REACH)


def _coverage(scans: Sequence[ScanErrors]) -> float:
    """Returns the share of errors within their bars, each scan with the factors of all others."""
    inside = []
    for number, scan in enumerate(scans):
        factors = _axis_factors([*scans[:number], *scans[number + 1 :]])
        inside.append(np.abs(scan.errors_mm) <= scan.scales_mm * factors * LAPLACE_REACH)
    return float(np.mean([share.mean() for share in inside]))


def _lengths(parts: Sequence[Vectors]) -> Float[np.ndarray, " all_pairs"]:
    return np.asarray(np.linalg.norm(np.concatenate(parts), axis=1))
