"""A YAML file that describes a queue (SLURM, PBS, LSF, SGE), and the workers that it runs while a command does."""

import inspect
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.extras import require_packages
from orienteer.files import read_yaml
from orienteer.settings import require

KINDS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
"""Classes of dask-jobqueue."""

LOGS = "cluster-logs"
"""Folder in the output folder of a command for the logs of its jobs in the queue."""

ALLOWED_DEATHS = 1
"""Deaths of a worker that a job survives; at the next it is named and set aside."""

CLOSED = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
"""Options of a worker: nobody on the network can look at it."""


@contextmanager
def queue_cluster(file: Path, folder: Path) -> Iterator[Any]:
    """Gives a cluster of dask-jobqueue while the block runs; its jobs in the queue end with it.

    Args:
        file: YAML with ``kind`` (slurm, pbs, lsf or sge), ``jobs`` (how many to submit) and any argument of the class of
            that kind: cores, processes, memory, walltime, queue, account, interface ...
        folder: output folder of the command; the logs of the jobs lie in its ``cluster-logs`` unless the file has
            ``log_directory``.

    Raises:
        InputError: a file that cannot be used, dask-jobqueue is missing, or the queue's commands are.
    """
    kind, jobs, arguments = queue_arguments(file, folder)
    cluster = _started(kind, file, arguments)
    try:
        cluster.scale(jobs=jobs)
        yield cluster
    finally:
        with suppress(Exception):  # the jobs end by themselves a minute after their scheduler
            cluster.close(timeout=20)


def queue_arguments(file: Path, folder: Path) -> tuple[str, int, dict[str, Any]]:
    """Returns kind and number of jobs, and the arguments of the class, with what keeps files and ports in their place.

    Raises:
        InputError: no such kind, or no number of jobs.
    """
    content = read_yaml(file, wanted="a YAML file that describes a queue")
    kind, jobs, arguments = content.pop("kind", None), content.pop("jobs", None), content
    require(kind in KINDS, f"kind in {file}", f"one of {', '.join(KINDS)}", kind)
    require(type(jobs) is int and jobs > 0, f"jobs in {file}", "how many jobs to submit, 1 or more", jobs)
    options = {"dashboard": False, "dashboard_address": "127.0.0.1:0"} | arguments.pop("scheduler_options", {})
    more = [*CLOSED, *arguments.pop("worker_extra_args", [])]
    logs = {"log_directory": str(folder.absolute() / LOGS)}
    return kind, jobs, {**logs, **arguments, "scheduler_options": options, "worker_extra_args": more}


def _started(kind: str, file: Path, arguments: dict[str, Any]) -> Any:
    made = getattr(_jobqueue(), KINDS[kind])
    submit = made.job_cls.submit_command.split()[0]
    if shutil.which(submit) is None:
        do = "give the command on a machine from which jobs can be submitted"
        raise InputError(str(file), wanted=f"the command {submit} of {kind}", got="none here", do=do)
    try:
        _check_arguments(made, arguments)
        with _dask_settings():
            return made(**arguments)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        got, do = " ".join(str(error).split())[:300], "see the arguments of the class in the pages of dask-jobqueue"
        raise InputError(str(file), wanted=f"arguments of {KINDS[kind]}", got=got, do=do) from error


def _check_arguments(made: Any, arguments: dict[str, Any]) -> None:
    """Makes a job that is not submitted. A cluster that fails while it is made prints a second error when it is collected."""
    of_cluster = {*inspect.signature(made.__init__).parameters} - {"interface", "protocol", "security", "config_name"}
    of_job = {key: value for key, value in arguments.items() if key not in of_cluster}
    made.job_cls("tcp://127.0.0.1:1", name="check", **of_job)


def _dask_settings() -> Any:
    """Returns Dask's own settings for a scheduler that is started here, to use with ``with``."""
    import dask.config

    return dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_DEATHS})


def _jobqueue() -> Any:
    require_packages("cluster", ["dask"], extra="cluster")
    import dask.config

    path, dask.config.PATH = dask.config.PATH, __file__  # else importing it writes a file into the home folder
    try:
        require_packages("cluster", ["dask_jobqueue"], extra="cluster")
        import dask_jobqueue
    finally:
        dask.config.PATH = path
    return dask_jobqueue
