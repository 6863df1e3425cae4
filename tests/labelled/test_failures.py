"""Scans that cannot be used: in words, in a file, and as an error."""

import csv
from pathlib import Path

import pytest

from orienteer.errors import InputError, ScanError
from orienteer.labelled.failures import failure_of, failures_text, require_usable, write_failures
from orienteer.store.outcomes import Failure

FAILURES = [Failure(f"{number}.nii", "read", "an empty file", "copy it again.") for number in range(7)]


def test_the_text_counts_all_and_names_the_first() -> None:
    assert failures_text([]) == ""
    lines = failures_text(FAILURES, most=2).splitlines()
    assert lines[0] == "7 scans cannot be used:"
    assert lines[1] == "  0.nii (read): an empty file. Do this: copy it again."
    assert lines[3:] == ["  ... and 5 more"]


def test_the_file_has_a_row_per_case(tmp_path: Path) -> None:
    error = ScanError("a, b", step="crop", wanted="a body", got="air", do="look at it")
    write_failures(tmp_path, [failure_of("a, b", error), *FAILURES])
    with (tmp_path / "failures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"case": "a, b", "step": "crop", "reason": "wanted a body, got air", "what to do": "look at it"}
    assert len(rows) == 8


def test_only_nothing_usable_is_an_error() -> None:
    require_usable("data", "one", ["a"], FAILURES)
    with pytest.raises(InputError, match="data: wanted one, got 7 that cannot; 0.nii: an empty file.*copy it again"):
        require_usable("data", "one", [], FAILURES)
