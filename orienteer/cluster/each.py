"""`each`: hands jobs to an executor one after the other, and yields what has finished."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from orienteer.executor import Jobs
from orienteer.progress import Progress

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


def each(
    executor: Jobs[JobT, ResultT], jobs: Iterable[JobT], progress: Progress
) -> Iterator[tuple[JobT, "Future[ResultT]"]]:
    """Yields all jobs, as they finish, each with its completed future.

    Args:
        executor: is open, and is closed by whoever opened it.
        jobs: made one at a time, as there is room.
        progress: counts those that finished.

    Example:
        >>> from orienteer.executor import Executor
        >>> with Executor(abs, workers=0) as executor, Progress("counting", 2, shown=False) as progress:
        ...     [(job, future.result()) for job, future in each(executor, [3, -4], progress)]
        [(3, 3), (-4, 4)]
    """
    for job in jobs:
        executor.submit(job)
        yield from _counted(executor.finished(), progress)
    yield from _counted(executor.finished(everything=True), progress)


def _counted(
    finished: Iterator[tuple[JobT, "Future[ResultT]"]], progress: Progress
) -> Iterator[tuple[JobT, "Future[ResultT]"]]:
    for done in finished:
        progress.advance()
        yield done
