"""Cells: their hashes hold all that decides a result and nothing else, and a selection decides by validation."""

from dataclasses import replace

import pytest

from orienteer.comparison.config import DOWNSTREAM, CompareConfig, make_config
from orienteer.comparison.contenders import Contender
from orienteer.comparison.results.table import tidy_rows
from orienteer.comparison.work.cells import PRETRAIN, RESUMED, Cell, Entry, Prints, part_prints, plan_cells
from orienteer.comparison.work.parts import Parts
from orienteer.comparison.work.records import Records
from orienteer.errors import InputError
from orienteer.runs.config import PretrainConfig

PRINTS = Prints({"pretraining": "p"}, {"pretraining": "pl", "validation": "vl", "test": "tl"})
BASE = PretrainConfig(view_size=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0), encoder="tiny", views=4, layout="free")
CONTENDERS = [Contender("scratch", "scratch", BASE, {}), Contender("ours", "default", BASE, {})]
CONFIG = make_config({"fractions": [0.5, 1.0], "seeds": [0, 1]})


def hashes(config=CONFIG, contenders=CONTENDERS, prints=PRINTS, scores=None):
    return {entry.cell.hash for entry in plan_cells(config, contenders, prints, scores or {})}


@pytest.mark.parametrize(("facts", "seconds"), [({}, 9.0), ({RESUMED: True}, None)])
def test_the_cost_of_a_pretraining_that_was_stopped_and_went_on_is_not_told(facts, seconds, tmp_path):
    cell, records = Cell(PRETRAIN, 0, None, {}), Records(tmp_path)
    values = [["", "gap_error_mm", "mm", 2.0]]
    done = {"hash": cell.hash, "values": values, "cpu_seconds": 9.0, "steps": 5, "versions": {"orienteer": "0"}}
    records.add({**done, "facts": facts})
    (row,) = tidy_rows("data", [Entry("default", cell)], records)
    assert row.pretrain_seconds == seconds


def test_there_is_a_cell_for_every_combination():
    entries = plan_cells(CONFIG, CONTENDERS, PRINTS, {})
    kinds = [(entry.name, entry.cell.kind) for entry in entries]
    assert kinds.count(("ours", PRETRAIN)) == kinds.count(("scratch", PRETRAIN)) == 2
    assert kinds.count(("ours", "finetune")) == kinds.count(("ours", "probe")) == 4
    assert kinds.count(("ours", "retrieval")) == kinds.count(("ours", "sides")) == 2
    assert kinds.count(("majority map", "probe")) == 4
    assert kinds.count(("raw patch", "retrieval")) == kinds.count(("same coordinates", "retrieval")) == 2
    assert len(hashes()) == len(entries)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"finetune": {"steps": 9}}, {PRETRAIN, "probe", "retrieval", "sides"}),
        ({"probe": {"voxels": 9}}, {PRETRAIN, "finetune", "retrieval", "sides"}),
        ({"retrieval": {"places": 9}}, {PRETRAIN, "finetune", "probe", "sides"}),
        ({"sides": {"views": 8}}, {PRETRAIN, "finetune", "probe", "retrieval"}),
        ({"evaluate": "test"}, {PRETRAIN}),
        ({"finetune": {"workers": 1}, "parallel": 3, "name": "x", "keep": True}, {PRETRAIN, *DOWNSTREAM}),
    ],
)
def test_a_setting_changes_the_cells_that_it_decides(changes, kept):
    entries = plan_cells(replace(CONFIG, **changes), CONTENDERS, PRINTS, {})
    assert {entry.cell.kind for entry in entries if entry.cell.hash in hashes()} == kept
    assert {entry.cell.kind for entry in entries if entry.cell.hash not in hashes()}.isdisjoint(kept)


def test_what_decides_the_pretraining_changes_everything_after_it_but_the_twin():
    for changed in (replace(BASE, steps=7), replace(BASE, tasks={"gap": {"channels": 8}}), replace(BASE, teacher=True)):
        entries = plan_cells(CONFIG, [CONTENDERS[0], replace(CONTENDERS[1], config=changed)], PRINTS, {})
        assert not [entry for entry in entries if entry.name == "ours" and entry.cell.hash in hashes()]
        assert all(entry.cell.hash in hashes() for entry in entries if entry.name == "scratch")
    other = Prints({"pretraining": "q"}, PRINTS.labelled)
    pretrained = [entry for entry in plan_cells(CONFIG, CONTENDERS, other, {}) if entry.name == "ours"]
    assert not [entry for entry in pretrained if entry.cell.hash in hashes()]


def test_two_names_for_the_same_settings_share_their_cells():
    named = replace(CONTENDERS[1], name="mine", config=replace(BASE, workers=3, tasks={"gap": {"weight": 1.0}}))
    assert hashes(contenders=[*CONTENDERS, named]) == hashes()


def test_other_labels_change_what_uses_labels_and_not_the_pretraining():
    other = Prints(PRINTS.scans, {**PRINTS.labelled, "pretraining": "changed"})
    assert {e.cell.kind for e in plan_cells(CONFIG, CONTENDERS, other, {}) if e.cell.hash in hashes()} == {PRETRAIN}


def test_prints_change_with_names_labels_and_scans_but_not_with_their_order():
    parts, contents, labels = (
        Parts(("a", "b"), ("c",), ()),
        {"a": "1", "b": "2", "c": "3"},
        {"a": "x", "b": "y", "c": "z"},
    )
    first = part_prints(parts, contents, labels)
    assert part_prints(Parts(("b", "a"), ("c",), ()), contents, labels) == first
    assert part_prints(parts, contents, {**labels, "a": "w"}).scans == first.scans
    assert part_prints(parts, contents, {**labels, "a": "w"}).labelled["pretraining"] != first.labelled["pretraining"]
    assert part_prints(parts, {**contents, "a": "9"}, labels).scans["pretraining"] != first.scans["pretraining"]


def test_a_selection_takes_the_best_of_validation_for_each_method_and_fraction_and_scores_the_test_with_it():
    config = make_config(
        {"fractions": [0.5, 1.0], "seeds": [0, 1], "downstream": ["finetune"], "evaluate": "test",
         "select": {"learning_rate": [0.1, 0.01]}}
    )  # fmt: skip
    candidates = [entry for entry in plan_cells(config, CONTENDERS, PRINTS, {}) if entry.cell.kind == "finetune"]
    assert len(candidates) == 2 * 2 * 2 * 2
    assert all(entry.candidate and entry.cell.settings["part"] == "validation" for entry in candidates)

    def dice(entry):  # the twin prefers fast, ours slow, and at all labels the other way round
        fast = entry.cell.settings["learning_rate"] == 0.1
        return float(fast == ((entry.name == "scratch") == (entry.cell.fraction == 0.5)))

    scores = {entry.cell.hash: dice(entry) for entry in candidates}
    final = [e for e in plan_cells(config, CONTENDERS, PRINTS, scores) if e.cell.kind == "finetune" and not e.candidate]
    assert all(entry.cell.settings["part"] == "test" for entry in final)
    rates = {(e.name, e.cell.fraction): e.cell.settings["learning_rate"] for e in final}
    assert rates == {("scratch", 0.5): 0.1, ("scratch", 1.0): 0.01, ("ours", 0.5): 0.01, ("ours", 1.0): 0.1}
    scores.pop(candidates[0].cell.hash)  # one candidate of the first method and fraction is missing: no decision there
    left = [e for e in plan_cells(config, CONTENDERS, PRINTS, scores) if e.cell.kind == "finetune" and not e.candidate]
    assert len(left) == len(final) - 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fraction": [1.0]}, "did you mean fractions"),
        ({"fractions": [0.0]}, "shares above 0 and at most 1"),
        ({"fractions": [0.1, 0.1]}, "each one once"),
        ({"seeds": []}, "seeds: wanted at least one"),
        ({"downstream": ["detection"]}, "some of finetune, probe, retrieval, sides"),
        ({"evaluate": "train"}, "validation or test"),
        ({"cases": [1, 1, 1]}, "the first at least 2"),
        ({"cases": [4, 1, 1], "split": "x.json"}, "either cases or split"),
        ({"select": {"learning_rate": 0.1}}, "select.learning_rate: wanted a list of values"),
        ({"parallel": -1}, "0 or more"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        make_config(settings)


def test_the_default_settings_stand():
    assert make_config({}) == CompareConfig()
