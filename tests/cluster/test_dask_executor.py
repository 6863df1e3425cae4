"""Jobs on workers of Dask: the same results, lost workers, jobs that kill them, unseen paths, a scheduler that goes away."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from orienteer.cluster.connect import connected
from orienteer.cluster.make_executor import make_executor
from orienteer.cluster.worker_side import WorkerUnfit
from orienteer.errors import InputError, ScanError
from orienteer.worker_process import Bounds, WorkerDied
from tests.helpers.dask_cluster import dask_cluster, kill_once, wait_until

ALONE, WORKER = "kills its process", "kills its worker"


def work(job):
    """Returns a square, or does what a word says."""
    if isinstance(job, Path):
        kill_once(job)
        return job.name
    if job == ALONE:
        os.kill(os.getpid(), signal.SIGKILL)
    if job == WORKER:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if job == "error":
        raise ScanError("five", step="read", wanted="another number", got="5", do="take 6")
    if job == "slow":
        time.sleep(60)
    if job == "where":
        return os.getcwd(), os.environ["OMP_NUM_THREADS"]
    return job**2


def outcomes(address, jobs, shared, bounds=None, **options):
    """Returns results, or errors, by job."""
    with (
        connected(address, shared) as there,
        make_executor(there, work, None, len(jobs), shared=shared, **options) as executor,
    ):
        found = []
        for job in jobs:
            executor.submit(job, **({"bounds": bounds} if bounds else {}))
            found += executor.finished()
        found += executor.finished(everything=True)
    return {job: future.exception() or future.result() for job, future in found}


def test_results_errors_culprits_and_bounds_are_those_of_one_machine(cluster, tmp_path):
    shared = tmp_path / "out"
    shared.mkdir()
    found = outcomes(cluster.address, [*range(6), "error", ALONE, "where"], shared, threads=3)
    assert [found[number] for number in range(6)] == [0, 1, 4, 9, 16, 25]
    assert isinstance(found["error"], ScanError)
    assert found["error"].step == "read"
    assert isinstance(found[ALONE], WorkerDied)
    assert "SIGKILL" in str(found[ALONE])
    assert found["where"] == (os.getcwd(), "3")
    late = outcomes(cluster.address, ["slow", 7], shared, Bounds(seconds=1.0))
    assert late[7] == 49
    assert "was not finished after 1 s" in str(late["slow"])
    assert list(shared.iterdir()) == []


def test_a_worker_that_does_not_see_the_input_is_named(cluster, tmp_path):
    with pytest.raises(WorkerUnfit, match=rf"nowhere: wanted a path that every worker sees.*{socket.gethostname()}"):
        outcomes(cluster.address, [1], tmp_path, seen=[tmp_path / "nowhere"])


def test_a_job_whose_worker_is_lost_runs_on_another_and_one_that_kills_each_worker_is_named(cluster, tmp_path):
    lost = tmp_path / "lost"
    found = outcomes(cluster.address, [1, lost, 2, 3], tmp_path)
    assert found == {1: 1, lost: "lost", 2: 4, 3: 9}
    cluster.start_worker()
    cluster.start_worker()
    with connected(cluster.address, tmp_path) as there:
        wait_until(lambda: there.threads() == 3, "three workers")
    found = outcomes(cluster.address, [WORKER, *range(4)], tmp_path)
    cluster.start_worker()
    assert isinstance(found[WORKER], WorkerDied)
    assert "its worker terminated 2 times" in str(found[WORKER])
    assert [found[number] for number in range(4)] == [0, 1, 4, 9]


def test_a_scheduler_that_goes_away_ends_the_command_with_what_to_do(tmp_path):
    folder = tmp_path / "dask"
    folder.mkdir()
    with (
        dask_cluster(folder, workers=1) as running,
        connected(running.address, tmp_path) as there,
        make_executor(there, work, None, 1, shared=tmp_path) as executor,
    ):
        executor.submit("slow")
        running.stop()
        with pytest.raises(InputError, match=r"127.0.0.1.*which went away.*give the same command again"):
            list(executor.finished(everything=True))


def test_closing_stops_the_running_jobs_where_there_is_a_patience(cluster, tmp_path):
    with connected(cluster.address, tmp_path) as there:
        began, executor = time.monotonic(), make_executor(there, work, None, 2, patience_s=0.5, shared=tmp_path)
        with executor:
            executor.submit("slow")
        assert time.monotonic() - began < 45
        assert list(tmp_path.iterdir()) == []
        assert outcomes(cluster.address, [5], tmp_path) == {5: 25}


def test_this_process_and_a_cluster_exclude_each_other(cluster, tmp_path):
    with connected(cluster.address, tmp_path) as there, pytest.raises(InputError, match="workers: wanted 1 or more"):
        make_executor(there, work, 0, 1, shared=tmp_path)
