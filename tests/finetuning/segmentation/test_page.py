"""finetune.html: medians and ranges by class, the worst first, and only pictures that are there."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orienteer.draw.figures import full_png, new_figure
from orienteer.finetuning.segmentation.page import PAGE_FILE, write_page
from orienteer.finetuning.segmentation.summary import holds
from orienteer.scoring.segmentation_metrics import CaseScores
from tests.browser.chromium import visit_page
from tests.helpers.html import Page

CLASSES = {0: "background", 1: "liver", 2: "spleen <1>", 3: "gland"}
SUMMARY: dict[str, Any] = {
    "task": "segmentation",
    "start": "ct",
    "encoder": "tiny",
    "fraction": 1.0,
    "seed": 0,
    "schedule": "full",
    "steps": 9,
    "training_seconds": 1.5,
    "counts": {
        "training": 4,
        "test": 3,
        "failed": 0,
        "training_cases_with_class": {"liver": 4, "spleen <1>": 3, "gland": 0},
    },
}


@pytest.fixture(scope="module")
def scores() -> dict[str, CaseScores]:
    dice = {"a": (0.9, 0.5, math.nan), "b": (0.8, 0.1, math.nan), "c": (0.7, 0.3, math.nan)}
    return {name: CaseScores(values, (1.0, 2.0, math.nan)) for name, values in dice.items()}


def test_classes_are_listed_worst_first_with_median_and_range(tmp_path: Path, scores: dict[str, CaseScores]) -> None:
    text = Page(write_page(tmp_path, scores, CLASSES, SUMMARY, "3 of the test scans were seen").read_text()).text
    assert "Dice 0.50 on 3 test cases (median; 0.45 to 0.70). Best class: liver, 0.80; worst: spleen <1>, 0.30." in text
    assert "So few cases say little about new scans." in text
    assert "3 of the test scans were seen" in text
    assert (
        "spleen <1> 0.30 0.10 to 0.50 2.0 2.0 to 2.0 3 3 liver 0.80 0.70 to 0.90 1.0 1.0 to 1.0 3 4 gland 0 0" in text
    )
    assert "b 0.45 c 0.50 a 0.70" in text
    assert "The worst case" not in text  # no pictures were drawn


def test_classes_that_are_hardly_found_are_counted(tmp_path: Path) -> None:
    scores = {name: CaseScores((0.9, 0.0, 0.0), (1.0, math.nan, math.nan)) for name in "ab"}
    text = Page(write_page(tmp_path, scores, CLASSES, SUMMARY, "").read_text()).text
    assert "2 of 3 classes have a median of 0: they are hardly found at all." in text


def test_without_scored_cases_it_says_so(tmp_path: Path) -> None:
    text = Page(write_page(tmp_path, {}, CLASSES, SUMMARY, "").read_text()).text
    assert "No test case was scored" in text
    assert "gland 0 0" in text


def test_it_can_be_read_by_everybody_on_any_screen(tmp_path: Path, scores: dict[str, CaseScores]) -> None:
    (tmp_path / "pictures").mkdir()
    for rank in ("worst", "median", "best"):
        figure = new_figure(1150, 900)
        figure.subplots().imshow(np.eye(3))
        (tmp_path / "pictures" / f"{rank}.png").write_bytes(full_png(figure))
    page = write_page(tmp_path, scores, CLASSES, SUMMARY, "")
    assert page == tmp_path / PAGE_FILE
    visit_page(page)


def test_what_is_not_there_is_not_announced(scores: dict[str, CaseScores]) -> None:
    assert holds(scores, pictures=True) == "the model, predictions, pictures, metrics and finetune.html"
    assert holds(scores, pictures=False) == "the model, predictions, metrics and finetune.html"
