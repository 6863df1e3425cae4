"""Records: results are found again by a later process, and a success removes an earlier failure."""

from dataclasses import replace

import pytest

from orienteer.comparison.work.records import Records
from tests.helpers.mutations import damaged_copies, damaged_values
from tests.helpers.small_study import idle_cell, result_of

CELL = idle_cell("sides", settings={"views": 4})


def test_a_result_is_found_again_by_another_process(tmp_path):
    assert Records(tmp_path).get(CELL.hash) is None
    Records(tmp_path).add(result_of(CELL.hash, values=[["a", "left_right_accuracy", "", 0.5]]))
    assert Records(tmp_path).get(CELL.hash)["values"] == [["a", "left_right_accuracy", "", 0.5]]


def test_a_result_that_another_process_adds_later_is_seen(tmp_path):
    records = Records(tmp_path)
    assert records.get(CELL.hash) is None
    Records(tmp_path).add(result_of(CELL.hash))
    assert records.get(CELL.hash) == result_of(CELL.hash)


def test_a_failure_is_kept_until_the_cell_succeeds(tmp_path):
    records = Records(tmp_path)
    records.fail(CELL, "out of memory")
    assert Records(tmp_path).failure(CELL.hash) == "out of memory"
    assert records.get(CELL.hash) is None
    records.add(result_of(CELL.hash))
    assert records.failure(CELL.hash) is None


def test_the_log_names_method_share_and_seed(tmp_path):
    cell = replace(CELL, kind="probe", method="six views/x", fraction=0.05, seed=3)
    assert Records(tmp_path).log(cell) == tmp_path / "logs" / f"probe-six_views_x-5pct-seed3-{cell.hash}.log"


def test_mean_dice_is_over_cases_and_ignores_other_metrics(tmp_path):
    records = Records(tmp_path)
    assert records.mean_dice("x") is None
    values = [["a", "dice_mean", "", 0.5], ["b", "dice_mean", "", 0.7], ["a", "dice liver", "", 0.1]]
    records.add(result_of("x", values=values))
    assert records.mean_dice("x") == pytest.approx(0.6)


def test_a_damaged_result_is_named_once_and_its_cell_counts_as_not_run(tmp_path, capsys):
    Records(tmp_path).add(result_of("x", values=[["a", "dice_mean", "", 0.5]]))
    file = tmp_path / "cells/x.json"
    texts = [*damaged_copies(file.read_bytes(), 40), *(text.encode() for text in damaged_values(result_of("x"), 40))]
    refused = 0
    for text in texts:
        file.write_bytes(text)
        records = Records(tmp_path)
        known = records.get("x") is not None
        assert (records.get("x") is not None) == known
        assert capsys.readouterr().err.count("The cell is run again.") == (not known)
        refused += not known
    assert refused > 40
    records.add(result_of("x"))
    assert records.get("x") == result_of("x")


def test_a_damaged_failure_is_a_failure(tmp_path):
    records = Records(tmp_path)
    records.fail(CELL, "out of memory")
    (tmp_path / f"failed/{CELL.hash}.json").write_text("{")
    assert Records(tmp_path).failure(CELL.hash) == "why cannot be read"
