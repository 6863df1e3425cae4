"""Runs cells, several at a time, each in a process of its own; or one after the other in this process."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

from orienteer.cluster.connect import Cluster
from orienteer.cluster.make_executor import make_executor
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Cell
from orienteer.comparison.work import cell as work
from orienteer.comparison.work.records import Records
from orienteer.executor import Jobs
from orienteer.progress import Progress, say
from orienteer.worker_process import WorkerDied

PATIENCE_S = 15.0
"""How long a cell that is asked to stop may take to save what it has."""

MOST_CELLS = 8
"""Cells at a time by default, at most."""


def cells_at_a_time(parallel: int | None, cores: int, gpu: bool) -> tuple[int, int]:
    """Returns how many cells run at a time and the threads of each.

    Example:
        >>> cells_at_a_time(None, cores=2, gpu=False), cells_at_a_time(1, cores=2, gpu=False)
        ((2, 1), (1, 2))
        >>> cells_at_a_time(None, cores=16, gpu=True)
        (1, 16)
    """
    number = parallel if parallel is not None else 1 if gpu else min(cores, MOST_CELLS)
    return number, max(1, cores // max(1, number))


def run_cells(
    bench: Bench,
    cells: Sequence[Cell],
    at_a_time: int | None,
    threads: int | None,
    keep: bool,
    records: Records,
    cluster: Cluster | None = None,
) -> None:
    """Runs the cells that have no result yet, each after the one that it needs, and records their results.

    A cell that fails is named and set aside, and so are those that need it; the others go on.

    Args:
        at_a_time: processes; 0 works in this one. None with a cluster: as many as its workers run.
        threads: of each process; None with a cluster: what its workers were started with.
        keep: keep fine-tuned networks.
        cluster: whose workers run the cells; by default this machine does.

    Raises:
        KeyboardInterrupt: Ctrl-C; finished cells are kept.
    """
    waiting = list({cell.hash: cell for cell in cells if records.get(cell.hash) is None}.values())
    if not waiting:
        return
    function = CellWork(bench, keep, alone=cluster is None and at_a_time in (0, 1))
    executor: Jobs[Cell, dict[str, Any]] = make_executor(
        cluster,
        function,
        at_a_time,
        len(waiting),
        threads=threads,
        patience_s=PATIENCE_S,
        shared=bench.out,
        seen=[bench.store],
    )
    with Progress("comparing", len(waiting), unit="cells", delay_s=0.0) as progress, executor:
        while True:
            cell = _next(waiting, records)
            if cell is not None:
                waiting.remove(cell)
                executor.submit(cell, log=records.log(cell))
                finished = list(executor.finished())
            else:
                finished = list(islice(executor.finished(everything=True), 1))
            for done, future in finished:
                _record(done, future, records)
                progress.advance()
            if cell is None and not finished:
                break  # all that is left needs a cell that failed
    for cell in waiting:
        records.fail(cell, f"waits for pretraining {cell.needs}, which failed")


@dataclass(frozen=True)
class CellWork:
    """How a process runs a cell. It stays in the process, where cases that a cell prepared are there for the next one.

    Attributes:
        keep: keep a fine-tuned network.
        alone: no other cell runs at the same time.
    """

    bench: Bench
    keep: bool
    alone: bool

    def __call__(self, cell: Cell) -> dict[str, Any]:
        """Returns the result of a cell."""
        return work.run_cell(self.bench, cell, self.keep, self.alone)


def _next(waiting: Sequence[Cell], records: Records) -> Cell | None:
    """Returns the first cell that has what it needs."""
    return next((cell for cell in waiting if cell.needs is None or records.get(cell.needs) is not None), None)


def _record(cell: Cell, future: "Future[dict[str, Any]]", records: Records) -> None:
    error = future.exception()
    if error is None:
        records.add(future.result())
        return
    message = str(error) if isinstance(error, WorkerDied) else f"{type(error).__name__}: {error}"
    records.fail(cell, message)
    log = f" (log: {records.log(cell)})" if records.log(cell).is_file() else ""
    say(f"failed: {cell.words}: {message.splitlines()[0][:300]}{log}")
