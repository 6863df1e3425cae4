"""summary.json and its table: every metric next to its baselines, in the unit of its key."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.plateau import plateau
from orienteer.runs.summary import is_baseline, make_summary, read_summary, summary_table, write_summary

HELDOUT = {
    "loss": 1.0,
    "loss.gap": 0.5,
    "gap_error_mm": 41.23,
    "gap_error_mm_trivial": 150.0,
    "gap_error_mm_histogram": 90.0,
    "closure_error_mm": 4.0,
    "near_far_accuracy": 0.875,
    "near_far_accuracy_trivial": 0.5,
    "probe_knn_dice": 0.25,
    "probe_knn_dice_trivial": 0.125,
    "embedding_rank": 3.0,
}


def test_the_summary_is_read_as_written(tmp_path: Path) -> None:
    summary = make_summary(HELDOUT, plateau([1], [1.0]), {"read": 6}, 10, {"views_per_second": 3.5}, 12.34)
    write_summary(tmp_path, summary)
    assert read_summary(tmp_path) == summary
    assert list(summary) == ["heldout", "plateau", "scans", "steps", "views_per_second", "seconds"]
    assert list(summary["heldout"]) == sorted(HELDOUT)
    assert summary["seconds"] == 12.3


def test_the_table_has_a_row_for_each_metric_with_a_baseline_or_in_mm() -> None:
    assert [line.split() for line in summary_table({"heldout": HELDOUT}).splitlines()] == [
        ["on", "held-out", "scans", "model", "baseline", "histogram"],
        ["gap", "error", "(mm)", "41.2", "150.0", "90.0"],
        ["closure", "error", "(mm)", "4.0"],
        ["near", "far", "(%)", "87.5", "50.0"],
        ["probe", "knn", "dice", "(%)", "25.0", "12.5"],
    ]


def test_baselines_are_recognised_by_their_names() -> None:
    baselines = {key for key in HELDOUT if is_baseline(key, HELDOUT)}
    assert baselines == {key for key in HELDOUT if key.endswith(("_trivial", "_histogram"))}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"heldout": {"a": "x"}, "scans": {}, "steps": 1}', '{"heldout": {}, "scans": {}}']
)
def test_a_damaged_summary_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(InputError, match=r"summary\.json"):
        read_summary(tmp_path)
