"""A queue described by a YAML file: a stub of SLURM runs its jobs, and bad files are refused before anything starts."""

import os
import time
from pathlib import Path

import pytest

pytest.importorskip("dask_jobqueue", reason="the package dask-jobqueue is not installed (the extra cluster)")

from orienteer.cluster.connect import connected
from orienteer.cluster.make_executor import make_executor
from orienteer.cluster.queue_file import queue_arguments
from orienteer.errors import InputError

SLURM = "kind: slurm\njobs: 1\ncores: 1\nmemory: 1GB\ninterface: lo\n"

SBATCH = """#!/bin/bash
echo "$(grep -c '^#SBATCH' "$1") lines" > {folder}/submitted
cp "$1" {folder}/script  # which is removed when this ends
PYTHONPATH={root} bash {folder}/script > /dev/null 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
echo "$@" > {folder}/cancelled
pkill -P "$1"
kill "$1"
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stubs of sbatch and scancel first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text.format(folder=folder, root=Path(__file__).parents[2]))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def written(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.slow
def test_jobs_run_on_workers_that_the_queue_starts(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file, out = written(tmp_path / "queue.yaml", SLURM + f"local_directory: {tmp_path}\n"), tmp_path / "out"
    out.mkdir()
    with connected(file, out) as cluster, make_executor(cluster, abs, None, 2, shared=out) as executor:
        for number in (-3, 4):
            executor.submit(number)
        found = {job: future.result() for job, future in executor.finished(everything=True)}
        scheduler = cluster.client.cluster.scheduler
        assert scheduler.http_server.address == "127.0.0.1"
        assert scheduler.allowed_failures == 1
    assert found == {-3: 3, 4: 4}
    assert (slurm / "submitted").exists()
    end = time.monotonic() + 20
    while not (slurm / "cancelled").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert sorted(path.name for path in out.iterdir()) == ["cluster-logs"]
    assert not (tmp_path / "home").exists()


def test_what_keeps_files_and_ports_in_their_place_is_added_and_can_be_changed(tmp_path):
    file = Path(written(tmp_path / "q.yaml", SLURM + "worker_extra_args: [--lifetime, 1h]\nlog_directory: logs\n"))
    kind, jobs, arguments = queue_arguments(file, tmp_path / "out")
    assert (kind, jobs, arguments["cores"], arguments["log_directory"]) == ("slurm", 1, 1, "logs")
    assert arguments["scheduler_options"] == {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    assert arguments["worker_extra_args"][-2:] == ["--lifetime", "1h"]
    assert "--no-dashboard" in arguments["worker_extra_args"]
    arguments = queue_arguments(Path(written(tmp_path / "q.yaml", SLURM)), tmp_path / "out")[2]
    assert arguments["log_directory"] == str(tmp_path / "out/cluster-logs")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: cloud\njobs: 1\n", "kind in .*: wanted one of slurm, pbs, lsf, sge, got cloud"),
        ("kind: slurm\n", "jobs in .*: wanted how many jobs to submit, 1 or more, got None"),
        (SLURM + "kores: 3\n", "wanted arguments of SLURMCluster, got .*kores"),
        ("kind: slurm\njobs: 1\n", "wanted arguments of SLURMCluster, got You must specify"),
        ("- slurm\n", "wanted a table"),
    ],
)
def test_bad_files_are_refused(slurm, tmp_path, text, words):
    with pytest.raises(InputError, match=words), connected(written(tmp_path / "q.yaml", text), tmp_path):
        pass
    assert not (slurm / "submitted").exists()


def test_a_machine_without_the_queue_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    file, words = written(tmp_path / "q.yaml", SLURM), "wanted the command sbatch of slurm, got none here"
    with pytest.raises(InputError, match=words), connected(file, tmp_path):
        pass


def test_other_words_and_a_scheduler_that_does_not_answer_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("orienteer.cluster.connect.CONNECT_S", 0.5)
    for word, words in (("somewhere", "wanted local, tcp://HOST:PORT"), ("tcp://127.0.0.1:9", "which does not answer")):
        with pytest.raises(InputError, match=f"cluster: .*{words}"), connected(word, tmp_path):
            pass
