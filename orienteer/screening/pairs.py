"""Which scans of a collection are the same image, or the same anatomy: compared coarsely in pairs, the best ones finely."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from orienteer.cluster.connect import Cluster
from orienteer.cluster.each import each
from orienteer.cluster.make_executor import make_executor
from orienteer.executor import Jobs
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


@dataclass(frozen=True)
class _Place:
    """Where jobs run, and the folder with the files that they read."""

    workers: int | None
    cluster: Cluster | None
    folder: Path


def compare_scans(
    copies: SmallCopies, workers: int | None = None, progress: bool = True, cluster: Cluster | None = None
) -> Compared:
    """Compares the scans of a collection by their small copies.

    Args:
        copies: of the scans.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show progress.
        cluster: whose workers compare; by default this machine does.
    """
    names, place = list(copies.names), _Place(workers, cluster, copies.folder)
    places = [copies.path(name) for name in names]
    parts = list(tiles(len(names)) if len(names) <= ALL_PAIRS else parts_of(nearest_pairs(places, LIKELY)))
    shifts: dict[Pair, Shift] = {}
    jobs = [([places[number] for number in numbers], (numbers, pairs)) for numbers, pairs in parts]
    bar = Progress("comparing scans", len(jobs), unit="parts", shown=progress)
    for (_, (numbers, _)), here in _results(_shifts_of, jobs, bar, place):
        shifts |= {(names[numbers[i]], names[numbers[j]]): shift for (i, j), shift in here.items()}
    where = dict(zip(names, places, strict=True))
    finer = [(where[first], where[second], shifts[first, second]) for first, second in _promising(shifts)]
    back = {id(place): name for name, place in where.items()}
    likeness: dict[Pair, Likeness] = {}
    bar = Progress("registering scans", len(finer), unit="pairs", shown=progress)
    for (one, other, _), like in _results(_confirmed, finer, bar, place):
        likeness[back[id(one)], back[id(other)]] = like
    return Compared(shifts, likeness)


def _results(
    function: Callable[[JobT], ResultT], jobs: Sequence[JobT], bar: Progress, place: _Place
) -> Iterator[tuple[JobT, ResultT]]:
    """Yields jobs with their results, as they finish, with progress."""
    executor: Jobs[JobT, ResultT] = make_executor(
        place.cluster, function, place.workers, len(jobs), threads=1, seen=[place.folder]
    )
    with bar, executor:
        for job, future in each(executor, jobs, bar):
            yield job, future.result()


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
