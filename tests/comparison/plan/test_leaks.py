"""No scan in two parts, and no pretraining that saw a scan of the validation or the test part."""

import json

import pytest

from orienteer.comparison.plan.leaks import refuse_leak, refuse_twins
from orienteer.comparison.plan.parts import Parts
from orienteer.errors import InputError


def test_the_same_scan_under_two_names_in_two_parts_is_refused():
    parts = Parts(("a", "b"), ("c",), ())
    refuse_twins(parts, {"a": "1", "b": "1", "c": "2"})
    with pytest.raises(InputError, match="'c' in the validation part, the same scan as 'b' in the pretraining part"):
        refuse_twins(parts, {"a": "1", "b": "2", "c": "2"})


def test_a_run_that_saw_a_heldout_scan_or_has_no_split_is_refused(tmp_path):
    parts = Parts(("a", "b"), ("c",), ("d",))
    rows = [{"key": "k", "name": "x", "content": "1"}]
    (tmp_path / "split.json").write_text(json.dumps({"training": rows, "validation": []}))
    refuse_leak(tmp_path, parts, {"a": "1", "b": "2", "c": "3", "d": "4"})
    with pytest.raises(InputError, match="got one that saw 'd'"):
        refuse_leak(tmp_path, parts, {"a": "5", "b": "2", "c": "3", "d": "1"})
    (tmp_path / "silent").mkdir()
    with pytest.raises(InputError, match="whose scans cannot be determined"):
        refuse_leak(tmp_path / "silent", parts, {"c": "3", "d": "1"})
