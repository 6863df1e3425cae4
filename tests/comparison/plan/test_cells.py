"""Cells: their hashes hold all that decides a result and nothing else, and a selection is made on validation."""

from dataclasses import replace

import pytest

from orienteer.comparison.config import DOWNSTREAM
from orienteer.comparison.plan.cell import PRETRAIN, Baseline, Finetuning, Measurement, Pretraining
from orienteer.comparison.plan.cells import plan_cells
from orienteer.comparison.plan.prints import Prints
from tests.helpers.small_study import PRETRAIN as PRETRAIN_CONFIG
from tests.helpers.small_study import PRINTS, contender, study_of


def planned(study, scores=None):
    return plan_cells(study, (scores or {}).get)


def hashes(study):
    return {entry.cell.hash for entry in planned(study)}


def test_there_is_a_cell_for_every_combination():
    entries = planned(study_of())
    kinds = [(entry.name, entry.cell.kind) for entry in entries]
    assert kinds.count(("ours", PRETRAIN)) == kinds.count(("scratch", PRETRAIN)) == 2
    assert kinds.count(("ours", "finetune")) == kinds.count(("ours", "probe")) == 4
    assert kinds.count(("ours", "retrieval")) == kinds.count(("ours", "sides")) == 2
    assert kinds.count(("majority map", "probe")) == 4
    assert kinds.count(("raw patch", "retrieval")) == kinds.count(("same coordinates", "retrieval")) == 2
    assert len({entry.cell.hash for entry in entries}) == len(entries)


def test_what_others_need_comes_first():
    seen = set()
    for entry in planned(study_of()):
        assert entry.cell.needs is None or entry.cell.needs in seen
        seen.add(entry.cell.hash)


def test_the_work_of_a_cell_is_complete():
    for entry in planned(study_of({"probe": {"voxels": 9}, "finetune": {"steps": 7}})):
        cell, work = entry.cell, entry.cell.work
        match work:
            case Pretraining(config, trained):
                assert (config.seed, trained) == (cell.seed, entry.name == "ours")
            case Finetuning(run, config, scratch, part):
                assert (run, part) == (cell.needs, cell.settings["part"])
                assert (config.steps, config.fraction, config.seed) == (7, cell.fraction, cell.seed)
                assert scratch == (entry.name == "scratch")
            case Measurement(Baseline(name, preparation, view_size)):
                assert (name, view_size) == (entry.name, PRETRAIN_CONFIG.view_size)
                assert preparation.spacing_mm == PRETRAIN_CONFIG.spacing_mm
                assert not preparation.crop_to_body
            case Measurement(run):
                assert run == cell.needs
        if cell.kind == "probe":
            assert (work.settings.voxels, work.fraction) == (9, cell.fraction)


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
    before, entries = hashes(study_of()), planned(study_of(changes))
    assert {entry.cell.kind for entry in entries if entry.cell.hash in before} == kept
    assert {entry.cell.kind for entry in entries if entry.cell.hash not in before}.isdisjoint(kept)


@pytest.mark.parametrize("changes", [{"steps": 7}, {"tasks": {"gap": {"channels": 8}}}, {"teacher": True}])
def test_what_decides_the_pretraining_changes_everything_after_it_but_the_twin(changes):
    before = hashes(study_of())
    entries = planned(study_of(**changes))
    assert not [entry for entry in entries if entry.name == "ours" and entry.cell.hash in before]
    assert all(entry.cell.hash in before for entry in entries if entry.name == "scratch")


def test_other_scans_change_the_pretraining():
    entries = planned(study_of(prints=Prints({"pretraining": "q"}, PRINTS.labelled)))
    assert not [entry for entry in entries if entry.name == "ours" and entry.cell.hash in hashes(study_of())]


def test_two_names_for_the_same_settings_share_their_cells():
    study = study_of()
    same = replace(PRETRAIN_CONFIG, workers=3, tasks={"gap": {"weight": 1.0}})
    named = contender("mine", "default", study.config, same)
    assert hashes(replace(study, contenders=[*study.contenders, named])) == hashes(study)


def test_other_labels_change_what_uses_labels_and_not_the_pretraining():
    other = Prints(PRINTS.scans, {**PRINTS.labelled, "pretraining": "changed"})
    before = hashes(study_of())
    assert {e.cell.kind for e in planned(study_of(prints=other)) if e.cell.hash in before} == {PRETRAIN}


def test_a_selection_takes_the_best_of_validation_for_each_method_and_fraction_and_scores_the_test_with_it():
    study = study_of({"downstream": ["finetune"], "evaluate": "test", "select": {"learning_rate": [0.1, 0.01]}})
    candidates = [entry for entry in planned(study) if entry.cell.kind == "finetune"]
    assert len(candidates) == 2 * 2 * 2 * 2
    assert all(entry.candidate and entry.cell.settings["part"] == "validation" for entry in candidates)

    def dice(entry):  # the twin prefers fast, ours slow, and at all labels the other way round
        fast = entry.cell.settings["learning_rate"] == 0.1
        return float(fast == ((entry.name == "scratch") == (entry.cell.fraction == 0.5)))

    scores = {entry.cell.hash: dice(entry) for entry in candidates}
    final = [e for e in planned(study, scores) if e.cell.kind == "finetune" and not e.candidate]
    assert all(entry.cell.settings["part"] == "test" for entry in final)
    rates = {(e.name, e.cell.fraction): e.cell.settings["learning_rate"] for e in final}
    assert rates == {("scratch", 0.5): 0.1, ("scratch", 1.0): 0.01, ("ours", 0.5): 0.01, ("ours", 1.0): 0.1}
    scores.pop(candidates[0].cell.hash)  # one candidate of the first method and fraction is missing: no decision there
    left = [e for e in planned(study, scores) if e.cell.kind == "finetune" and not e.candidate]
    assert len(left) == len(final) - 2
