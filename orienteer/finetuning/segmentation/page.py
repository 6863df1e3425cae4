"""finetune.html: the test scores of a fine-tuning on one self-contained page; its words are in templates/finetune.html.j2."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orienteer.draw.figures import new_figure, plain_label, to_png
from orienteer.draw.pages import render
from orienteer.draw.palette import class_colours
from orienteer.files import write_text
from orienteer.scoring.segmentation_metrics import CaseScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE_FILE = "finetune.html"

WORST_FIRST = ("worst", "median", "best")
"""Pictures in the order in which a reader should look at them."""


@dataclass(frozen=True)
class ClassRow:
    """The scores of one class over the test cases: median, least and greatest; None where none can be scored."""

    name: str
    dice: tuple[float, float, float] | None
    hd95_mm: tuple[float, float, float] | None
    cases: int
    training_cases: int


@dataclass(frozen=True)
class Story:
    """Everything that the page shows.

    Attributes:
        name: of the folder.
        classes: a row for each class, the worst first.
        mean: median, least and greatest mean Dice of a case; None without scored cases.
        cases: each case with its mean Dice, the worst first.
        png: Dice of each class and case.
        pictures: rank, case and picture of the drawn cases, the worst first.
        summary: content of summary.json.
        warning: about the scores; empty for none.
    """

    name: str
    classes: tuple[ClassRow, ...]
    mean: tuple[float, float, float] | None
    cases: tuple[tuple[str, float], ...]
    png: bytes | None
    pictures: tuple[tuple[str, bytes], ...]
    summary: Mapping[str, Any]
    warning: str


def write_page(
    folder: Path, scores: Mapping[str, CaseScores], classes: Mapping[int, str], summary: Mapping[str, Any], warning: str
) -> Path:
    """Writes finetune.html into the folder of a fine-tuning, with the pictures that are there, and returns its path.

    Args:
        folder: of the fine-tuning.
        scores: of the test cases, by name.
        classes: names by label value, background first.
        summary: content of summary.json.
        warning: about the scores; empty for none.
    """
    names = list(classes.values())[1:]
    counts = summary["counts"]["training_cases_with_class"]
    rows = [_class_row(name, number, scores, counts.get(name, 0)) for number, name in enumerate(names)]
    means = {case: score.dice_mean for case, score in scores.items() if not math.isnan(score.dice_mean)}
    drawn = [(rank, folder / "pictures" / f"{rank}.png") for rank in WORST_FIRST]
    story = Story(
        name=folder.resolve().name,
        classes=tuple(sorted(rows, key=lambda row: row.dice[0] if row.dice else 2.0)),
        mean=_spread(list(means.values())),
        cases=tuple(sorted(means.items(), key=lambda item: item[1])),
        png=_draw_classes(names, list(scores.values())) if means else None,
        pictures=tuple((rank, path.read_bytes()) for rank, path in drawn if path.is_file()),
        summary=summary,
        warning=warning,
    )
    write_text(folder / PAGE_FILE, render("orienteer.finetuning.segmentation", "finetune.html.j2", story))
    return folder / PAGE_FILE


def _class_row(name: str, number: int, scores: Mapping[str, CaseScores], training_cases: int) -> ClassRow:
    dice = [score.dice[number] for score in scores.values() if not math.isnan(score.dice[number])]
    hd95 = [score.hd95_mm[number] for score in scores.values() if not math.isnan(score.hd95_mm[number])]
    return ClassRow(name, _spread(dice), _spread(hd95), len(dice), training_cases)


def _spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Returns median, least and greatest value; None without values."""
    return (float(np.median(values)), min(values), max(values)) if values else None


def _draw_classes(names: Sequence[str], scores: Sequence[CaseScores]) -> bytes:
    """Returns a picture with a dot per case for each class, in its colour, and a line at the median; Dice from 0 to 1."""
    figure = new_figure(1000, 130 + 30 * len(names))
    axes: Axes = figure.subplots()
    for place, colour in enumerate(class_colours(len(names))):
        dice = np.array([score.dice[place] for score in scores])
        dice = dice[~np.isnan(dice)]
        axes.plot(
            dice, np.full(len(dice), place), "o", color=colour, markeredgecolor="0.25", markersize=6, clip_on=False
        )
        if len(dice):
            axes.plot([np.median(dice)] * 2, [place - 0.3, place + 0.3], color="black", linewidth=2)
    axes.set_yticks(range(len(names)), [plain_label(name) for name in names], fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("Dice", fontsize=9)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure)
