"""Which scans of a collection are the same image, or the same anatomy: compared coarsely in pairs, the best ones finely."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from orienteer.executor import Executor, available_cores
from orienteer.progress import Progress
from orienteer.screening.confirm import Likeness, confirm
from orienteer.screening.detail import Copy
from orienteer.screening.nearest import nearest_pairs
from orienteer.screening.shifts import Shift, best_shifts
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.thresholds import THRESHOLDS
from orienteer.screening.tiles import Part, parts_of, tiles

ALL_PAIRS = 600
"""Up to so many scans every pair is compared; of more, each with those that a short description makes likely."""

LIKELY = 30
"""Scans that each scan of a larger collection is compared with."""

FINELY = 8
"""Scans that each scan is registered with: a copy through another window may agree less at a coarse step than other people."""

Pair = tuple[str, str]

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Compared:
    """The pairs of a collection.

    Attributes:
        shifts: for each pair that was compared, the best shift.
        likeness: for those that were registered, how alike they are.
    """

    shifts: dict[Pair, Shift]
    likeness: dict[Pair, Likeness]

    def alike(self) -> dict[Pair, Likeness]:
        """Returns the pairs of one anatomy, of the same image or of the same person."""
        known = self.likeness.items()
        return {pair: like for pair, like in known if like.finely and like.detail >= THRESHOLDS.same_anatomy}


def compare_scans(copies: SmallCopies, workers: int | None = None, progress: bool = True) -> Compared:
    """Compares the scans of a collection by their small copies.

    Args:
        copies: of the scans.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show progress.
    """
    names = list(copies.names)
    places = [copies.path(name) for name in names]
    parts = list(tiles(len(names)) if len(names) <= ALL_PAIRS else parts_of(nearest_pairs(places, LIKELY)))
    shifts: dict[Pair, Shift] = {}
    jobs = [([places[number] for number in numbers], (numbers, pairs)) for numbers, pairs in parts]
    for (_, (numbers, _)), here in run_jobs(_shifts_of, jobs, "comparing scans", "parts", workers, progress):
        shifts |= {(names[numbers[i]], names[numbers[j]]): shift for (i, j), shift in here.items()}
    where = dict(zip(names, places, strict=True))
    finer = [(where[first], where[second], shifts[first, second]) for first, second in _promising(shifts)]
    back = {id(place): name for name, place in where.items()}
    likeness: dict[Pair, Likeness] = {}
    for (one, other, _), like in run_jobs(_confirmed, finer, "registering scans", "pairs", workers, progress):
        likeness[back[id(one)], back[id(other)]] = like
    return Compared(shifts, likeness)


def run_jobs(
    function: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    what: str,
    unit: str,
    workers: int | None,
    progress: bool = True,
) -> Iterator[tuple[JobT, ResultT]]:
    """Yields jobs with their results, as they finish, with progress."""
    workers = min(available_cores() if workers is None else workers, max(1, len(jobs)))
    with (
        Progress(what, len(jobs), unit=unit, shown=progress) as bar,
        Executor(function, workers, threads=1) as executor,
    ):

        def results(finished: "Iterator[tuple[JobT, Future[ResultT]]]") -> Iterator[tuple[JobT, ResultT]]:
            for job, future in finished:
                bar.advance()
                yield job, future.result()

        for job in jobs:
            executor.submit(job)
            yield from results(executor.finished())
        yield from results(executor.finished(everything=True))


def _shifts_of(job: tuple[list[Copy], Part]) -> dict[tuple[int, int], Shift]:
    places, (_, pairs) = job
    return best_shifts(places, pairs)


def _confirmed(job: tuple[Copy, Copy, Shift]) -> Likeness:
    return confirm(*job)


def _promising(shifts: dict[Pair, Shift]) -> list[Pair]:
    """Returns the pairs that are worth a registration: for each scan the few that agree best."""
    of_scan: dict[str, list[tuple[float, Pair]]] = {}
    for pair, shift in shifts.items():
        if shift.agreement >= THRESHOLDS.promising:
            for name in pair:
                of_scan.setdefault(name, []).append((shift.agreement, pair))
    best = {pair for each in of_scan.values() for _, pair in sorted(each, reverse=True)[:FINELY]}
    return sorted(best)
