"""The hash of a cell holds everything that decides its result, and not how it is run."""

from dataclasses import replace

import pytest

from orienteer.comparison.plan import cell as cells
from orienteer.comparison.plan.cell import Cell, Measurement
from orienteer.comparison.plan.measurements import ProbeSettings

CELL = Cell("probe", 0, 0.1, {"kind": "ridge", "voxels": 10}, Measurement("run", ProbeSettings(), "test", 0.1), "run")


@pytest.mark.parametrize(
    "change", [{"kind": "sides"}, {"seed": 1}, {"fraction": None}, {"settings": {"kind": "knn"}}, {"needs": "other"}]
)
def test_what_decides_the_result_changes_the_hash(change):
    assert replace(CELL, **change).hash != CELL.hash


def test_the_order_of_settings_and_the_work_do_not_change_the_hash():
    reordered = replace(CELL, settings={"voxels": 10, "kind": "ridge"})
    other_work = replace(CELL, work=Measurement("run", ProbeSettings(overlap=0.5), "validation", 0.1))
    assert reordered.hash == other_work.hash == CELL.hash


def test_another_version_or_recipe_runs_all_cells_again(monkeypatch):
    before = replace(CELL).hash
    monkeypatch.setattr(cells, "RECIPE", cells.RECIPE + 1)
    newer = replace(CELL).hash
    monkeypatch.setattr(cells, "version", lambda name: "99")
    assert len({before, newer, replace(CELL).hash}) == 3


def test_hashes_of_earlier_comparisons_are_reproduced(monkeypatch):
    """Else every comparison that was made before would run again."""
    monkeypatch.setattr(cells, "version", lambda name: "0.1.0")
    monkeypatch.setattr(cells, "RECIPE", 2)
    assert replace(CELL).hash == "e1acbdcf47f6f341"


def test_the_name_of_the_method_decides_nothing_and_names_what_is_kept():
    named = replace(CELL, method="ours: tuned")
    assert named.hash == CELL.hash
    assert named.file_name == f"ours__tuned-10pct-seed0-{CELL.hash}"
    assert named.words == "probe of ours: tuned, 10 % of the labels, seed 0"
    assert replace(CELL, fraction=None).words == "probe, seed 0"
