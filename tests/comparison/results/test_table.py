"""The tidy table: one row per value, its costs known or empty, the same in CSV and Parquet."""

import csv
from dataclasses import asdict

import numpy as np
import pytest

from orienteer.comparison.plan.cell import PRETRAIN, RESUMED, Entry
from orienteer.comparison.results.table import Row, crossed, tidy_rows, write_table
from orienteer.comparison.work.records import Records
from tests.helpers.small_study import idle_cell

PRETRAINING = idle_cell(PRETRAIN)
FINETUNING = idle_cell("finetune", fraction=0.5, needs=PRETRAINING.hash)


def result(cell, values, seconds, **facts):
    versions = {"orienteer": "0"}
    return {
        "hash": cell.hash,
        "values": values,
        "cpu_seconds": seconds,
        "steps": 5,
        "facts": facts,
        "versions": versions,
    }


@pytest.fixture
def records(tmp_path):
    records = Records(tmp_path)
    records.add(result(PRETRAINING, [["", "gap_error_mm", "mm", 2.0]], 9.0))
    records.add(result(FINETUNING, [["a", "dice_mean", "", 0.5], ["b", "dice_mean", "", 0.75]], 4.0))
    return records


def test_there_is_a_row_for_every_value_with_the_cost_of_both_stages(records):
    rows = tidy_rows("data", [Entry("default", PRETRAINING), Entry("default", FINETUNING)], records)
    assert [(row.downstream, row.case, row.value) for row in rows] == [
        (PRETRAIN, "", 2.0), ("finetune", "a", 0.5), ("finetune", "b", 0.75),
    ]  # fmt: skip
    assert [(row.pretrain_seconds, row.finetune_seconds) for row in rows] == [(9.0, None), (9.0, 4.0), (9.0, 4.0)]
    assert {(row.dataset, row.method, row.fraction) for row in rows[1:]} == {("data", "default", 0.5)}


def test_the_cost_of_a_pretraining_that_was_resumed_is_unknown(records):
    records.add(result(PRETRAINING, [["", "gap_error_mm", "mm", 2.0]], 9.0, **{RESUMED: True}))
    rows = tidy_rows("data", [Entry("default", PRETRAINING), Entry("default", FINETUNING)], records)
    assert {row.pretrain_seconds for row in rows} == {None}


def test_candidates_and_cells_that_have_not_finished_have_no_rows(records, tmp_path):
    assert tidy_rows("data", [Entry("default", FINETUNING, candidate=True)], records) == []
    assert tidy_rows("data", [Entry("default", FINETUNING)], Records(tmp_path / "new")) == []


def test_csv_and_parquet_hold_the_same_rows(records, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = tidy_rows("data", [Entry("default", PRETRAINING), Entry("default", FINETUNING)], records)
    table, columns = write_table(tmp_path, rows)
    assert parquet.read_table(columns).to_pylist() == [asdict(row) for row in rows]
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["value"] for line in lines] == ["2.0", "0.5", "0.75"]
    assert (lines[0]["fraction"], lines[0]["finetune_seconds"]) == ("", "")
    assert list(lines[0]) == list(asdict(rows[0]))


def test_crossed_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    rows = [
        Row("d", "probe", "m", 0.1, seed, case, "dice_mean", "", float(rng.uniform()), "", None, None, None, "")
        for seed in (3, 1) for case in "cab" if (seed, case) != (1, "a")
    ]  # fmt: skip
    values = crossed(rows, [1, 3], ["a", "b", "c"])
    assert np.isnan(values[0, 0])
    for row in rows:
        assert values[[1, 3].index(row.seed), "abc".index(row.case)] == row.value
