"""What is kept of a comparison: its tables, without any path of the machine."""

import json
import math

import yaml

from benchmarks.results_tables import add, read_results, read_stability, read_tried
from orienteer.comparison.results.summary import read_summary_table
from tests.helpers.kept_tables import LINES, kept, write_comparison


def test_only_tables_are_kept(tmp_path):
    place = add(write_comparison(tmp_path / "made", LINES), "made-up", tmp_path / "tables")
    assert sorted(path.name for path in place.iterdir()) == [
        "about.json", "compare.yaml", "cost.csv", "curves.csv", "summary.csv"
    ]  # fmt: skip
    assert yaml.safe_load((place / "compare.yaml").read_text()) == {"seeds": [0, 1]}


def test_what_is_kept_is_read_back_and_each_cell_costs_once(tmp_path):
    (result,) = kept(tmp_path, LINES)
    assert (result.name, result.about["cells_done"]) == ("made-up", 8)
    assert len(result.lines) == len(LINES)
    assert result.lines == read_summary_table(tmp_path / "made" / "summary.csv")
    assert result.cost == {"default": (15.0, None), "scratch": (None, 7.0)}


def test_a_pretraining_without_curves_leaves_no_table_of_curves(tmp_path):
    made = write_comparison(tmp_path / "made", LINES)
    (made / "runs" / "a" / "metrics.jsonl").write_text(json.dumps({"step": 1, "part": "train", "loss": 1}) + "\n")
    place = add(made, "made-up", tmp_path / "tables")
    assert not (place / "curves.csv").exists()
    assert read_results(tmp_path / "tables")[0].curves == []


def test_curves_hold_the_metric_and_its_baseline_of_held_out_scans(tmp_path):
    (result,) = kept(tmp_path, LINES)
    first, last = result.curves
    assert (first.method, first.seed, first.step, first.metric, first.value) == ("default", 0, 2, "gap_error_mm", 5.0)
    assert math.isnan(first.baseline)
    assert (last.step, last.value, last.baseline) == (4, 4.0, 9.0)
    head = (tmp_path / "tables" / "made-up" / "curves.csv").read_text().splitlines()[0]
    assert head == "method,seed,step,figure,value,trivial"


def test_tables_that_are_missing_are_empty(tmp_path):
    assert read_results(tmp_path) == []
    assert read_stability(tmp_path) == []
    assert read_tried(tmp_path) == {}
