"""Settings are shown as what differs from the defaults, one value a line, never as a table in Python's form."""

from dataclasses import replace

from orienteer.comparison.config import make_config
from orienteer.comparison.results.method_settings import UNSET, method_settings
from tests.helpers.small_study import PRETRAIN, contender


def settings(define=None, pretrain=None, finetune=None):
    given = {"define": define or {}, "pretrain": pretrain or {}, "finetune": finetune or {}}
    config = make_config(given)
    others = [
        contender(name, str(changes["method"]), config, replace(PRETRAIN, steps=9))
        for name, changes in config.define.items()
    ]
    methods = [contender("scratch", "scratch", config), contender("default", "default", config), *others]
    return method_settings(methods, config)


def test_a_method_as_it_is_has_no_changes():
    scratch, default = settings().methods
    assert (scratch.learns, scratch.changes) == (None, ())
    assert default.changes == ()
    assert "place contrast" in default.learns


def test_a_variant_lists_its_changes_beside_the_defaults():
    define = {"ours": {"method": "default", "views": 6, "steps": 9, "tasks": {"gap": {"weight": 3.0}}}}
    *_, ours = settings(define).methods
    assert ours.method == "default"
    assert set(ours.changes) == {"views: 4 → 6", "steps: 2000 → 9", "tasks.gap.weight: 2 → 3"}


def test_common_settings_are_those_that_differ_from_the_defaults():
    common = settings(
        pretrain={"steps": 9, "batch": 4, "view_size": [16, 16, 16]}, finetune={"learning_rate": 0.5, "steps": 7}
    ).common
    assert ("pretraining", "steps", "2000", "9") in common
    assert ("pretraining", "view_size", UNSET, "16 x 16 x 16") in common
    assert [row[1] for row in common if row[0] == "pretraining"] == ["steps", "view_size"]  # four scans are the default
    assert {row[1] for row in common if row[0] == "fine-tuning"} == {"learning_rate", "steps"}


def test_the_full_tables_have_one_value_a_cell():
    made = settings({"ours": {"method": "default", "views": 6}})
    keys = [row[0] for row in made.differing] + [row[0] for row in made.shared]
    assert "tasks.gap.weight" in keys
    assert all(len(row) == 4 for row in made.differing)
    cells = [cell for row in (*made.differing, *made.shared) for cell in row]
    assert not [cell for cell in cells if "{" in cell or "[" in cell]
