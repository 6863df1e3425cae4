"""error_bars.json of a run folder: the calibration of the error bars of each task, and the run that it is of."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NotRequired, TypedDict

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.runs.error_bars import ErrorBars
from orienteer.runs.records import run_fingerprint
from orienteer.runs.run_config import read_config
from orienteer.runs.split import read_split
from orienteer.settings import make_settings

ERROR_BARS_FILE = "error_bars.json"


class _Bars(TypedDict):
    axis_factors: tuple[float, float, float]
    length_factor: float
    scans: int
    coverage: float | None
    rank_gaps: float | None
    rank_scans: float | None
    run: NotRequired[str]


def write_error_bars(folder: Path, bars: Mapping[str, ErrorBars], run: str) -> None:
    """Writes error_bars.json into a run folder: the calibration of each task that predicts scales, by the scales alone.

    Args:
        folder: of the run.
        bars: by the task's name.
        run: what tells the run from others, see `run_fingerprint`.
    """
    plain = {name: {k: v for k, v in asdict(each).items() if k != "with_spread"} for name, each in bars.items()}
    write_json(folder / ERROR_BARS_FILE, {name: {**each, "run": run} for name, each in plain.items()})


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
    return {
        name: make_settings(ErrorBars, {key: values[key] for key in known if key in values})
        for name, values in content.items()
    }


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
