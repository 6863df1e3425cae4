"""When to stop: the rule on the held-out loss, and where a run records it."""

import json
import math

import pytest

from orienteer.runs.plateau import plateau
from orienteer.runs.run import Run

STEPS = list(range(100, 1000, 100))


@pytest.mark.parametrize(
    ("loss", "state", "word"),
    [
        (lambda number: 5 * math.exp(-2 * number) + 1, "level", "enough"),
        (lambda number: 5 - 0.4 * number, "falling", "more --steps"),
        (lambda number: abs(number - 4) + 1.0, "rising", "step 500"),
        (lambda number: 2.0 + number, "nothing learned", "first validation"),
        (lambda number: -5 * (1 - math.exp(-2 * number)), "level", "enough"),  # a loss may lie below zero
    ],
)
def test_each_shape_of_curve_has_its_name(loss, state: str, word: str) -> None:
    hint = plateau(STEPS, [loss(number) for number in range(len(STEPS))])
    assert hint is not None
    assert hint.state == state
    assert word in hint.words


def test_the_unit_of_the_loss_does_not_matter() -> None:
    losses = [9.0, 5.0, 4.0, 3.5, 3.3, 3.2, 3.19, 3.18, 3.18]
    assert plateau(STEPS, losses) == plateau(STEPS, [1000 * loss for loss in losses])


def test_few_validations_are_too_few() -> None:
    hint = plateau([3, 6], [2.0, 1.0])
    assert hint is not None
    assert (hint.state, hint.best_step) == ("too short", 6)
    assert plateau([], []) is None


def test_a_run_records_it_in_its_summary(finished: Run) -> None:
    summary = json.loads((finished.folder / "summary.json").read_text())
    rows = [json.loads(line) for line in (finished.folder / "metrics.jsonl").read_text().splitlines()]
    heldout = [row for row in rows if row["part"] == "heldout"]
    hint = plateau([row["step"] for row in heldout], [row["loss"] for row in heldout])
    assert hint is not None
    assert summary["plateau"] == hint.plain()


def test_losses_that_are_not_finite_do_not_count() -> None:
    nan = float("nan")
    assert plateau([1, 2, 3], [nan, nan, nan]) is None
    steps, losses = range(1, 10), [8.0, nan, 4.0, 3.0, nan, 2.99, 2.98, 2.98, nan]
    assert plateau(steps, losses) == plateau([1, 3, 4, 6, 7, 8], [8.0, 4.0, 3.0, 2.99, 2.98, 2.98])
