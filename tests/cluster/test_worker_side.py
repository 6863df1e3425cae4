"""What a worker refuses, and what becomes of its processes."""

import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the package distributed is not installed (the extra cluster)")

from orienteer.cluster import worker_side
from orienteer.cluster.worker_side import (
    Place,
    Request,
    WorkerUnfit,
    check_fit,
    forget_processes,
    run_request,
    versions,
)
from orienteer.worker_process import opened


def process_and_folder(job):
    return os.getpid(), os.getcwd(), job


@pytest.fixture
def place(tmp_path):
    yield Place("one", pickle.dumps(process_and_folder), (), tmp_path, (), versions())
    for token in ("one", "other"):
        forget_processes(token)


def answer(place, job):
    return opened(run_request(Request(place, pickle.dumps(job), None, None, 0.5)))


def test_other_versions_and_paths_that_are_not_there_are_refused(place, tmp_path):
    check_fit(place)
    with pytest.raises(WorkerUnfit, match=f"wanted orienteer 9.9.*got {re.escape(versions())}.*same versions"):
        check_fit(replace(place, versions="orienteer 9.9 in Python 3.11"))
    for missing in (replace(place, folder=tmp_path / "gone"), replace(place, seen=(tmp_path / "gone",))):
        with pytest.raises(WorkerUnfit, match="gone: wanted a path that every worker sees"):
            run_request(Request(missing, pickle.dumps(1), None, None, None))


def test_a_process_is_kept_for_its_executor_works_in_the_commands_folder_and_ends_for_another(place):
    first, folder, job = answer(place, 1)
    assert (Path(folder), job) == (place.folder, 1)
    assert answer(place, 2)[0] == first
    assert answer(replace(place, token="other"), 3)[0] != first
    assert [owner for owner, _ in worker_side._processes] == ["other"]
    forget_processes("other")
    assert worker_side._processes == []
