"""How a run learned: held-out figures over the steps with their trivial rivals, and the same pictures over time."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.markup import Picture
from orienteer.draw.plots import learning_curves
from orienteer.runs.plateau import Hint, plateau

COLUMNS = 3
"""Curves side by side."""

Row = Mapping[str, Any]


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Returns the lines of metrics.jsonl; a last line that was cut off is left out, a missing file gives none."""
    file = folder / "metrics.jsonl"
    rows = []
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def rivals_of(figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Returns the trivial rivals of each figure: their values by the rival's name.

    Example:
        >>> rivals_of({"gap_error_mm": 12.0, "gap_error_mm_trivial": 125.0, "closure_error_mm": 4.0})
        {'gap_error_mm': {'trivial': 125.0}, 'closure_error_mm': {}}
    """
    own = [key for key in figures if not any(key.startswith(f"{other}_") for other in figures)]
    return {
        key: {other.removeprefix(f"{key}_"): value for other, value in figures.items() if other.startswith(f"{key}_")}
        for key in own
    }


def in_person_units(key: str, value: float) -> tuple[str, float, str]:
    """Returns a figure's name in words, its value and its unit, as a person reads them.

    Example:
        >>> in_person_units("near_far_accuracy", 0.984), in_person_units("gap_error_mm", 12.0)
        (('near far accuracy', 98.4, '%'), ('gap error', 12.0, 'mm'))
    """
    if key.endswith("_mm"):
        return key.removesuffix("_mm").replace("_", " "), value, "mm"
    if key.endswith(("_accuracy", "_share")):
        return key.replace("_", " "), 100 * value, "%"
    return key.replace("_", " "), value, ""


def draw_curves(rows: Sequence[Row]) -> Picture | None:
    """Returns the held-out figures over the steps, each with its trivial rivals as level lines; None where none are."""
    heldout = [row for row in rows if row.get("part") == "heldout"]
    if not heldout:
        return None
    last = {key: value for key, value in heldout[-1].items() if key not in ("step", "part", "loss")}
    known = rivals_of(last)
    figure = new_figure(1300, 330 * -(-len(known) // COLUMNS))
    panels = np.atleast_1d(figure.subplots(-(-len(known) // COLUMNS), COLUMNS)).ravel()
    steps = np.array([row["step"] for row in heldout], float)
    for axes, (key, rivals) in zip(panels, known.items(), strict=False):
        name, _, unit = in_person_units(key, 0.0)
        curve = np.array([in_person_units(key, row.get(key, float("nan")))[1] for row in heldout])
        lines = {rival: in_person_units(key, value)[1] for rival, value in rivals.items()}
        learning_curves(axes, steps, {name: curve}, lines, unit)
    for axes in panels[len(known) :]:
        axes.set_visible(False)
    words = _words(last, known, plateau([int(row["step"]) for row in heldout], [row["loss"] for row in heldout]))
    return Picture("Learning curves", *words, to_png(figure))


def over_time(folder: Path) -> dict[str, list[tuple[int, bytes]]]:
    """Returns the pictures of the first, a middle and the last validation, with their steps, by task and scan.

    All of them show the same held-out views, so that what changes is what was learned. A run that drew no pictures has
    none.
    """
    found: dict[str, dict[int, Path]] = {}
    for path in sorted((folder / "pictures").glob("step_*.png")):
        named = re.fullmatch(r"step_(\d+)_(.+?)(?:_scan_(\d+))?", path.stem)
        if named:
            name = named[2] if named[3] is None else f"{named[2]}, scan {named[3]}"
            found.setdefault(name, {})[int(named[1])] = path
    strips = {}
    for name, pictures in sorted(found.items()):
        steps = sorted(pictures)
        chosen = sorted({steps[0], steps[len(steps) // 2], steps[-1]})
        strips[name] = [(step, pictures[step].read_bytes()) for step in chosen]
    return strips


def _words(last: Mapping[str, float], known: Mapping[str, Mapping[str, float]], hint: Hint | None) -> tuple[str, str]:
    said = []
    for key, rivals in known.items():
        name, value, unit = in_person_units(key, last[key])
        others = ", ".join(f"{rival} {in_person_units(key, level)[1]:.3g}" for rival, level in rivals.items())
        said.append(f"{name} {value:.3g} {unit}".strip() + (f" ({others})" if others else ""))
    text = (
        "Each curve is one figure on scans that the model was not trained on, measured on the same views every time. "
        "The grey lines are trivial rivals: what one reaches without any sense of space. A curve that stays at its grey "
        "line has learned nothing; one that has become level will gain little from more steps. At the end: "
        + "; ".join(said)
        + "."
        + (f" When to stop: {hint.words}." if hint is not None else "")
    )
    return text, "Curves of the held-out figures over the training steps. At the end: " + "; ".join(said) + "."
