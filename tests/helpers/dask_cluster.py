"""A Dask scheduler and workers on 127.0.0.1, each a process of its own, as a user of a cluster starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the package distributed is not installed (the extra cluster)")

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0

CLOSED = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]


@dataclass
class DaskCluster:
    """A scheduler with its workers.

    Attributes:
        folder: of its temporary files.
        address: of the scheduler.
        workers: the processes, by the address of each.
    """

    folder: Path
    scheduler: "subprocess.Popen[bytes]"
    address: str
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start_worker(self) -> "subprocess.Popen[bytes]":
        """Starts a worker that runs one job at a time."""
        options = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder), "--memory-limit", "0"]
        self.workers.append(_started("dask_worker", [self.address, *options, *CLOSED]))
        return self.workers[-1]

    def stop(self) -> None:
        """Ends all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """Gives a cluster while the block runs. A job survives one death of its worker.

    Args:
        folder: empty, for its temporary files.
        workers: how many to start.
    """
    file = folder / "scheduler.json"
    scheduler = _started("dask_scheduler", ["--port", "0", "--scheduler-file", str(file), *CLOSED])
    cluster = DaskCluster(folder, scheduler, "")
    try:
        wait_until(lambda: file.is_file() and file.read_text().endswith("}"), "a scheduler")
        cluster.address = json.loads(file.read_text())["address"]
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()


def wait_until(holds, what: str) -> None:  # type: ignore[no-untyped-def]
    """Waits until a condition holds, and fails after a minute."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"no {what} after {PATIENCE_S:.0f} s"
        time.sleep(0.05)


def _started(module: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
    more = {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
    return subprocess.Popen(command, env=os.environ | more, cwd=ROOT, stderr=subprocess.DEVNULL)


def kill_once(marker: Path) -> None:
    """Kills the Dask worker above this process, the first time that it is called for a marker."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(PATIENCE_S)
