"""Running cells: each after the one that it needs, each once, and a failure stops only what needs it."""

import pickle

import pytest

from orienteer.comparison.work import cell as work
from orienteer.comparison.work.bench import Bench
from orienteer.comparison.work.cells import PRETRAIN, Cell
from orienteer.comparison.work.parts import Parts
from orienteer.comparison.work.records import Records
from orienteer.comparison.work.run_cells import CellWork, run_cells
from orienteer.labelled.datasets import LabelledData

FIRST, SECOND = Cell(PRETRAIN, 0, None, {"steps": 1}), Cell(PRETRAIN, 1, None, {"steps": 1})
PROBES = [Cell("probe", pretraining.seed, 0.5, {}, pretraining.hash) for pretraining in (FIRST, SECOND)]


@pytest.fixture
def bench(tmp_path):
    return Bench(
        tmp_path, tmp_path / "store", tmp_path / "scans", LabelledData((), None, "auto", ()), Parts((), (), ())
    )


@pytest.fixture
def ran(monkeypatch):
    """Replaces what a cell measures; lists the cells that ran. The second pretraining fails."""
    cells = []

    def do_cell(bench, cell, keep, alone):
        cells.append(cell)
        if cell == SECOND:
            raise ArithmeticError("a loss that is not finite")
        return {"hash": cell.hash, "alone": alone}

    monkeypatch.setattr(work, "do_cell", do_cell)
    return cells


def test_cells_run_once_after_what_they_need_and_a_failure_stops_only_what_needs_it(bench, ran, capsys):
    records = Records(bench.out)
    run_cells(bench, [*PROBES, FIRST, SECOND, PROBES[0]], 0, threads=1, keep=False, records=records)
    assert ran == [FIRST, PROBES[0], SECOND]
    assert records.get(PROBES[0].hash) == {"hash": PROBES[0].hash, "alone": True}
    assert records.failure(SECOND.hash) == "ArithmeticError: a loss that is not finite"
    assert records.failure(PROBES[1].hash) == f"waits for pretraining {SECOND.hash}, which failed"
    messages = capsys.readouterr().err
    assert "failed: pretrain, seed 1: ArithmeticError: a loss that is not finite\n" in messages
    assert "in do_cell" in messages  # the traceback, which a process of its own writes into the log
    run_cells(bench, [*PROBES, FIRST, SECOND], 0, threads=1, keep=False, records=Records(bench.out))
    assert ran[3:] == [SECOND]


def test_what_a_process_is_given_survives_the_way(bench):
    assert pickle.loads(pickle.dumps(CellWork(bench, True, False))) == CellWork(bench, True, False)
    assert pickle.loads(pickle.dumps(PROBES[0])).hash == PROBES[0].hash
