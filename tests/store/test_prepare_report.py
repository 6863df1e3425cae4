"""The report of preparing: every count in its first line, then reasons, at most twenty of a kind."""

import csv

from orienteer.scans.source import LeftOut
from orienteer.store.outcomes import Duplicate, Failure
from orienteer.store.prepare_report import MOST_LINES, PrepareReport, write_failures


def report(tmp_path, **parts):
    nothing = {"prepared": 0, "reused": 0, "duplicates": (), "failures": (), "left_out": (), "keys": (), "nbytes": 0}
    return PrepareReport(tmp_path, **{**nothing, "seconds": 75.4, **parts})


def test_nothing_but_the_first_line_where_all_went_well(tmp_path):
    text = str(report(tmp_path, prepared=2, reused=1, keys=("a", "b", "c"), nbytes=1_250_000))
    assert text == (f"3 scans ready in {tmp_path} (2 prepared now, 1 reused), 1.2 MB, in 1:15; 0 failed, 0 duplicates")


def test_failures_duplicates_and_what_was_left_out_are_listed_with_reasons(tmp_path):
    text = str(
        report(
            tmp_path,
            failures=(Failure("a.nii", "read", "wanted x, got y", "do z."),),
            duplicates=(Duplicate("b.nii", "c.nii"),),
            left_out=(LeftOut("d", "an empty file"), LeftOut("e", "a hidden file"), LeftOut("f", "an empty file")),
        )
    )
    assert "1 failed, 1 duplicates, 3 left out" in text
    assert text.splitlines()[1:] == [
        "  failed: a.nii (read): wanted x, got y. Do this: do z.",
        "  duplicate: b.nii holds the same scan as c.nii",
        "  left out: 2 files: an empty file",
        "  left out: 1 file: a hidden file",
        f"  all failures, with reasons: {tmp_path / 'failures.csv'}",
    ]


def test_long_lists_are_cut_and_the_table_holds_all(tmp_path):
    failures = tuple(Failure(f"{number}.nii", "read", "why, so", "do") for number in range(MOST_LINES + 5))
    text = str(report(tmp_path, failures=failures))
    assert text.count("Do this") == MOST_LINES
    assert "  failed: and 5 more" in text
    write_failures(tmp_path, failures)
    with report(tmp_path).failures_file.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == MOST_LINES + 5
    assert rows[0] == {"file": "0.nii", "step": "read", "reason": "why, so", "what to do": "do"}
