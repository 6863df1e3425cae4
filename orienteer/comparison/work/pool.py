"""Does cells, several at a time, each in a process of its own; or one after the other in this process."""

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.cell import Cell
from orienteer.comparison.work.records import Records
from orienteer.comparison.work.worker import attempt
from orienteer.progress import Progress, say

PATIENCE_S = 15.0
"""How long a process that is told to stop may take to save what it has."""

MOST_CELLS = 8
"""Cells at a time by default, at most."""


def cells_at_a_time(parallel: int | None, cores: int, gpu: bool) -> tuple[int, int]:
    """Returns how many cells are done at a time and the threads of each.

    Example:
        >>> cells_at_a_time(None, cores=2, gpu=False), cells_at_a_time(1, cores=2, gpu=False)
        ((2, 1), (1, 2))
        >>> cells_at_a_time(None, cores=16, gpu=True)
        (1, 16)
    """
    number = parallel if parallel is not None else 1 if gpu else min(cores, MOST_CELLS)
    return number, max(1, cores // max(1, number))


def do_cells(bench: Bench, cells: Sequence[Cell], at_a_time: int, threads: int, keep: bool, records: Records) -> None:
    """Does cells that are not done, each after the one that it needs, and writes down what comes of them.

    A cell that fails is named and set aside, and so are those that need it; the others go on.

    Args:
        at_a_time: processes; 0 works in this one.
        threads: of each process.
        keep: keep fine-tuned networks.

    Raises:
        KeyboardInterrupt: Ctrl-C; finished cells are kept.
    """
    waiting = list({cell.hash: cell for cell in cells if records.get(cell.hash) is None}.values())
    if not waiting:
        return
    with Progress("comparing", len(waiting), unit="cells", delay_s=0.0) as progress:
        team: _Team | _Alone = _Team(bench, at_a_time, threads, keep, records) if at_a_time else _Alone(bench, keep)
        try:
            busy = 0
            while waiting or busy:
                while waiting and team.free() and (cell := _next(waiting, records)) is not None:
                    waiting.remove(cell)
                    team.give(cell)
                    busy += 1
                if not busy:
                    break  # all that is left needs something that failed
                cell, (outcome, content) = team.take()
                busy -= 1
                if outcome == "done":
                    records.add(content)
                else:
                    records.fail(cell, content)
                    say(
                        f"failed: {cell.kind}, seed {cell.seed}: {content.splitlines()[0][:300]} (log: {records.log(cell)})"
                    )
                progress.advance()
        finally:
            team.stop()
    for cell in waiting:
        records.fail(cell, f"waits for pretraining {cell.needs}, which failed")


def _next(waiting: Sequence[Cell], records: Records) -> Cell | None:
    """Returns the first cell that has what it needs."""
    return next((cell for cell in waiting if cell.needs is None or records.get(cell.needs) is not None), None)


class _Alone:
    """Works in this process."""

    def __init__(self, bench: Bench, keep: bool) -> None:
        self._bench, self._keep = bench, keep
        self._given: list[Cell] = []

    def free(self) -> bool:
        return not self._given

    def give(self, cell: Cell) -> None:
        self._given.append(cell)

    def take(self) -> tuple[Cell, tuple[str, Any]]:
        from orienteer.comparison.work.cell import run_cell

        cell = self._given.pop()
        return cell, attempt(lambda: run_cell(self._bench, cell, self._keep, alone=True))

    def stop(self) -> None:
        """There is nothing to stop."""


class _Team:
    """Works in processes. One that ends without a word fails its cell, and another takes its place."""

    def __init__(self, bench: Bench, size: int, threads: int, keep: bool, records: Records) -> None:
        self._begin = {"bench": bench, "threads": threads, "keep": keep, "alone": size == 1}
        self._threads, self._records = threads, records
        self._idle: list[subprocess.Popen] = []
        self._all: list[subprocess.Popen] = []
        self._places = size
        self._done: queue.Queue[tuple[Cell, tuple[str, Any]]] = queue.Queue()

    def free(self) -> bool:
        return self._places > 0

    def give(self, cell: Cell) -> None:
        self._places -= 1
        process = self._idle.pop() if self._idle else self._started()
        threading.Thread(target=self._watch, args=(process, cell), daemon=True).start()

    def take(self) -> tuple[Cell, tuple[str, Any]]:
        while True:
            with suppress(queue.Empty):  # a wait without an end could not be broken by Ctrl-C everywhere
                cell, outcome = self._done.get(timeout=1.0)
                self._places += 1
                return cell, outcome

    def stop(self) -> None:
        for process in self._all:
            process.terminate()
        for process in self._all:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]

    def _started(self) -> subprocess.Popen:
        threads = {"OMP_NUM_THREADS": str(self._threads), "OMP_WAIT_POLICY": "PASSIVE"}
        process = subprocess.Popen(
            [sys.executable, "-m", "orienteer.comparison.work.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads},
            start_new_session=True,  # Ctrl-C is for this process, which stops the others in its own way
        )
        assert process.stdin is not None
        pickle.dump(self._begin, process.stdin)
        self._all.append(process)
        return process

    def _watch(self, process: subprocess.Popen, cell: Cell) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((cell, str(self._records.log(cell))), process.stdin)
            process.stdin.flush()
            outcome = pickle.load(process.stdout)
            self._idle.append(process)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = process.wait()
            outcome = ("failed", f"its process ended without a word (code {code}): killed, out of memory, or crashed")
        self._done.put((cell, outcome))
