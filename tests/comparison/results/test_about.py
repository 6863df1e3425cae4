"""about.json and the command that repeats a comparison."""

import json
import shlex

import yaml

from orienteer.comparison.config import CompareConfig, make_config
from orienteer.comparison.plan.cells import plan_cells
from orienteer.comparison.results.about import about, command
from orienteer.comparison.work.records import Records
from tests.helpers.small_study import study_of


def test_the_command_repeats_the_settings_and_names_no_path():
    settings = {"fractions": [0.5], "seeds": [3], "define": {"mine": {"method": "default", "views": 6}}, "keep": True}
    paths = {"data": "/here/data", "out": "/here/out", "store": "/here/store", "split": "/here/split.json"}
    words = shlex.split(command(make_config({**settings, **paths})))
    assert words[:5] == ["orienteer", "compare", "DATA", "--out", "OUT"]
    values = dict(zip(words[5::2], words[6::2], strict=True))
    assert values.pop("--split") == "SPLIT"
    again = {key.removeprefix("--"): yaml.safe_load(f"[{value}]") for key, value in values.items()}
    assert again == {"fractions": [0.5], "seeds": [3], "define": [settings["define"]], "keep": [True]}


def test_default_settings_are_not_repeated():
    assert command(CompareConfig()) == "orienteer compare DATA --out OUT"


def test_about_counts_cells_once_and_sums_their_cost(tmp_path):
    study, records = study_of({"seeds": [0], "fractions": [0.5]}), Records(tmp_path)
    entries = plan_cells(study, records.mean_dice)
    for entry in entries[:2]:
        records.add(
            {"hash": entry.cell.hash, "cpu_seconds": 1800.0, "device": "cpu", "threads": 2, "versions": {"torch": "2"}}
        )
    facts = about(study, [*entries, *entries], records)
    assert (facts["cells"], facts["cells_done"], facts["processor_hours"]) == (len(entries), 2, 1.0)
    assert facts["cases"] == {"pretraining": 2, "validation": 1, "test": 1}
    assert facts["methods"] == ["scratch", "ours"]
    assert facts["versions"] == {"torch": "2"}
    assert json.loads(json.dumps(facts)) == facts
