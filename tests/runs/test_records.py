"""Records of a run folder: counts, failures, environment, data fingerprint."""

import csv
import getpass
import json
import socket
from pathlib import Path

from orienteer.runs.records import fingerprint, read_counts, write_counts, write_environment, write_failures
from orienteer.store.outcomes import Failure


def test_counts_are_read_as_written(tmp_path: Path) -> None:
    write_counts(tmp_path, {"read": 6, "failed": 1})
    assert read_counts(tmp_path) == {"read": 6, "failed": 1}


def test_failures_list_every_scan_that_is_not_used(tmp_path: Path) -> None:
    failure = Failure(name="cut, short.nii.gz", step="read", reason="damaged", do="copy it again")
    write_failures(tmp_path, [failure], {"slab.nii.gz": "too thin"})
    rows = list(csv.reader((tmp_path / "failures.csv").read_text().splitlines()))
    assert rows[0] == ["scan", "step", "reason", "what to do"]
    assert rows[1] == ["cut, short.nii.gz", "read", "damaged", "copy it again"]
    assert rows[2][:3] == ["slab.nii.gz", "fit", "too thin"]
    assert "--view-size" in rows[2][3]


def test_the_environment_names_no_person_and_no_machine(tmp_path: Path) -> None:
    write_environment(tmp_path, seed=3, data_fingerprint="cb40", device="cpu")
    text = (tmp_path / "environment.json").read_text()
    assert json.loads(text)["seed"] == 3
    assert {"orienteer", "torch"} <= json.loads(text)["versions"].keys()
    assert f'"{getpass.getuser()}' not in text
    assert socket.gethostname() not in text


def test_the_fingerprint_depends_on_the_scans_alone() -> None:
    assert fingerprint(["a", "b", "c"]) == fingerprint(iter(["c", "a", "b"]))
    assert fingerprint(["a", "b"]) != fingerprint(["a", "b", "c"])
    assert len(fingerprint([])) == 16
