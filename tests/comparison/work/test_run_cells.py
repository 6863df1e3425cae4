"""Running cells: each after the one that it needs, each once, and a failure stops only what needs it."""

import pickle

import pytest

from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import PRETRAIN
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.work import cell as work
from orienteer.comparison.work.records import Records
from orienteer.comparison.work.run_cells import CellWork, run_cells
from orienteer.labelled.datasets import LabelledData
from tests.helpers.small_study import idle_cell, result_of

FIRST, SECOND = (idle_cell(PRETRAIN, seed, settings={"steps": 1}) for seed in (0, 1))
PROBES = [idle_cell("probe", pretraining.seed, 0.5, needs=pretraining.hash) for pretraining in (FIRST, SECOND)]


@pytest.fixture
def bench(tmp_path):
    return Bench(
        tmp_path, tmp_path / "store", tmp_path / "scans", LabelledData((), None, "auto", ()), Parts((), (), ())
    )


@pytest.fixture
def ran(monkeypatch):
    """Replaces what a cell measures; lists the cells that ran. The second pretraining fails."""
    cells = []

    def run_cell(bench, cell, keep, alone):
        cells.append(cell)
        if cell == SECOND:
            raise ArithmeticError("a loss that is not finite")
        return result_of(cell.hash, alone=alone)

    monkeypatch.setattr(work, "run_cell", run_cell)
    return cells


def test_cells_run_once_after_what_they_need_and_a_failure_stops_only_what_needs_it(bench, ran, capsys):
    records = Records(bench.out)
    run_cells(bench, [*PROBES, FIRST, SECOND, PROBES[0]], 0, threads=1, keep=False, records=records)
    assert ran == [FIRST, PROBES[0], SECOND]
    assert records.get(PROBES[0].hash) == result_of(PROBES[0].hash, alone=True)
    assert records.failure(SECOND.hash) == "ArithmeticError: a loss that is not finite"
    assert records.failure(PROBES[1].hash) == f"waits for pretraining {SECOND.hash}, which failed"
    messages = capsys.readouterr().err
    assert "failed: pretrain, seed 1: ArithmeticError: a loss that is not finite\n" in messages
    assert "in run_cell" in messages  # the traceback, which a process of its own writes into the log
    run_cells(bench, [*PROBES, FIRST, SECOND], 0, threads=1, keep=False, records=Records(bench.out))
    assert ran[3:] == [SECOND]


def test_what_a_process_is_given_survives_the_way(bench):
    assert pickle.loads(pickle.dumps(CellWork(bench, True, False))) == CellWork(bench, True, False)
    assert pickle.loads(pickle.dumps(PROBES[0])).hash == PROBES[0].hash
