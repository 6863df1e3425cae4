"""The result of a cell holds what it measured, what it cost, and what it was run with."""

import json

import torch

from orienteer.comparison.plan.cell import Baseline, Cell, Measurement
from orienteer.comparison.plan.measurements import HISTOGRAM, SidesSettings
from orienteer.comparison.work.cell import run_cell, set_threads


def test_a_result_is_plain_json_with_values_cost_and_versions(bench, preparation):
    settings = {"rival": HISTOGRAM, "views": 4}
    work = Measurement(Baseline(HISTOGRAM, preparation, (8, 8, 8)), SidesSettings(views=4), "test", 1.0)
    cell = Cell("sides", 0, None, settings, work)
    result = run_cell(bench, cell, keep=False, alone=False)
    assert json.loads(json.dumps(result)) == result
    assert (result["hash"], result["kind"], result["settings"]) == (cell.hash, "sides", settings)
    assert len(result["values"]) == 2 * len(bench.parts.test)
    assert result["energy_j"] is None  # other cells may run at the same time
    assert result["cpu_seconds"] >= 0
    assert set(result["versions"]) == {"orienteer", "torch", "monai"}


def test_threads_are_set_for_torch_and_for_what_it_starts(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    try:
        set_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
