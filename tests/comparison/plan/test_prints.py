"""Hashes of parts: they change with names, labels and scans, and not with the order of cases."""

from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.plan.prints import part_prints

PARTS = Parts(("a", "b"), ("c",), ())
CONTENTS, LABELS = {"a": "1", "b": "2", "c": "3"}, {"a": "x", "b": "y", "c": "z"}
PRINTS = part_prints(PARTS, CONTENTS, LABELS)


def test_the_order_of_cases_does_not_matter():
    assert part_prints(Parts(("b", "a"), ("c",), ()), CONTENTS, LABELS) == PRINTS


def test_other_labels_leave_the_hash_of_the_scans():
    changed = part_prints(PARTS, CONTENTS, {**LABELS, "a": "w"})
    assert changed.scans == PRINTS.scans
    assert changed.labelled["pretraining"] != PRINTS.labelled["pretraining"]
    assert changed.labelled["validation"] == PRINTS.labelled["validation"]


def test_another_scan_changes_both_hashes_of_its_part():
    changed = part_prints(PARTS, {**CONTENTS, "a": "9"}, LABELS)
    assert changed.scans["pretraining"] != PRINTS.scans["pretraining"]
    assert changed.labelled["pretraining"] != PRINTS.labelled["pretraining"]
    assert changed.scans["validation"] == PRINTS.scans["validation"]


def test_another_name_changes_the_hash_of_the_labelled_cases_only():
    """Names decide which labelled cases are drawn, and nothing in pretraining."""
    renamed = part_prints(Parts(("z", "b"), ("c",), ()), {**CONTENTS, "z": "1"}, {**LABELS, "z": "x"})
    assert renamed.scans == PRINTS.scans
    assert renamed.labelled["pretraining"] != PRINTS.labelled["pretraining"]
