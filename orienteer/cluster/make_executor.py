"""`make_executor`: the one place that decides where jobs run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from orienteer.cluster.connect import Cluster
from orienteer.cluster.dask_executor import DaskExecutor
from orienteer.errors import InputError
from orienteer.executor import Executor, Jobs, available_cores

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


def make_executor(
    cluster: Cluster | None,
    function: Callable[[JobT], ResultT],
    workers: int | None,
    jobs: int,
    *,
    threads: int | None = None,
    patience_s: float | None = None,
    shared: Path | None = None,
    seen: Sequence[Path] = (),
) -> Jobs[JobT, ResultT]:
    """Returns what runs a function on jobs: processes of this machine, or the workers of a cluster.

    Args:
        cluster: of `connected`; None is this machine.
        function: of a job; a module-level function, or a callable object that can be pickled.
        workers: jobs at a time; by default one per core of this machine, or per thread of the cluster. 0 works in this
            process.
        jobs: how many there will be.
        threads: of the numerical libraries in each process; by default their own choice.
        patience_s: how long running jobs may take to stop when the executor is closed; by default they are finished.
        shared: folder that the jobs write to, if they do, which all workers of a cluster must see.
        seen: what the jobs read, likewise.

    Raises:
        InputError: this process as the place of work and a cluster together.

    Example:
        >>> with make_executor(None, abs, workers=0, jobs=1) as executor:
        ...     executor.submit(-4)
        ...     [future.result() for _, future in executor.finished()]
        [4]
    """
    if cluster is None:
        workers = available_cores() if workers is None else workers
        return Executor(function, min(workers, max(1, jobs)), threads=threads, patience_s=patience_s)
    if workers == 0:
        do = "leave one of the two out"
        raise InputError("workers", wanted="1 or more with a cluster", got="0, which means this process", do=do)
    return DaskExecutor(cluster, function, workers, threads=threads, patience_s=patience_s, shared=shared, seen=seen)
