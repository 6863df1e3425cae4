"""validations/: what a run predicts on the same few held-out view sets at each validation, a small JSON file each."""

import re
from pathlib import Path
from typing import TypedDict

from orienteer.files import read_json, write_json

VALIDATIONS = "validations"
"""The folder of the files, inside the run folder."""

PICTURES = "pictures"
"""The folder of the pictures of the same validations."""

_NAME = re.compile(r"step_(\d{6,})\.json")
_PICTURE = re.compile(r"step_(\d{6,})_(\w+)\.png")


class ShownScan(TypedDict):
    """One held-out scan.

    ``name``: of the scan. ``centres_mm``: true centres of its views in the body frame, mm. ``gaps_mm``: by task, the gap that
    it predicts from view i to view j, mm, in row i and column j; none of a task whose prediction is not finite.
    """

    name: str
    centres_mm: list[list[float]]
    gaps_mm: dict[str, list[list[list[float]]]]


class Falloff(TypedDict):
    """How the cosine of two places falls with their distance: quartiles in bins of distance, and the rank correlation."""

    mm: list[float]
    low: list[float]
    median: list[float]
    high: list[float]
    rank: float


class ShownFalloff(TypedDict):
    """The curve of a task's embedding and that of raw intensities, over all scans shown."""

    model: Falloff
    raw: Falloff


class Shown(TypedDict):
    """The content of one file.

    ``step``: optimiser steps so far. ``view_mm``: edge lengths of a view. ``scans``: those shown. ``falloff``: by task; none of
    an embedding that is not finite.
    """

    step: int
    view_mm: list[float]
    scans: list[ShownScan]
    falloff: dict[str, ShownFalloff]


def write_shown(folder: Path, shown: Shown) -> None:
    """Writes the file of a validation into a run folder, whole or not at all."""
    write_json(folder / VALIDATIONS / f"step_{shown['step']:06d}.json", shown, indent=None)


def shown_steps(folder: Path) -> list[int]:
    """Returns the steps of a run folder's validations with a file, ascending; none where there are no files yet."""
    return sorted(int(match[1]) for match in (_NAME.fullmatch(name) for name in _names(folder / VALIDATIONS)) if match)


def read_shown(folder: Path, step: int) -> Shown:
    """Returns the content of the file of a validation.

    Raises:
        InputError: no such file, or a damaged one.
    """
    wanted, do = "what a validation predicted", "resume the run, which writes it again, or look at another step"
    shown: Shown = read_json(folder / VALIDATIONS / f"step_{step:06d}.json", Shown, wanted=wanted, do=do)
    return shown


def picture_files(folder: Path, step: int) -> dict[str, Path]:
    """Returns the pictures of a validation by name, ``gap`` or ``gap_scan_2``."""
    matches = (_PICTURE.fullmatch(name) for name in sorted(_names(folder / PICTURES)))
    return {match[2]: folder / PICTURES / match[0] for match in matches if match and int(match[1]) == step}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []
