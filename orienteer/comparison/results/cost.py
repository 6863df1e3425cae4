"""What a comparison cost: processor time per cell and method, energy, and devices."""

from collections import defaultdict
from dataclasses import dataclass

from orienteer.comparison.plan.cell import PRETRAIN, RESUMED
from orienteer.comparison.results.story import Story
from orienteer.progress import clock


@dataclass(frozen=True)
class Cost:
    """The cost of the finished cells.

    Attributes:
        kinds: kinds of cells, the columns of ``rows``.
        rows: a method, the mean processor seconds of each kind of cell, and the time of all its cells.
        devices: where the cells ran.
        cells: number of finished cells; one that two methods share counts once.
        total: processor time of all finished cells.
        energy_wh: energy of the whole machine; None if it is not known.
    """

    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    devices: tuple[str, ...]
    cells: int
    total: str
    energy_wh: float | None


def cost_of(story: Story) -> Cost:
    """Returns the cost of the finished cells; resumed pretrainings are left out of the means."""
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in story.entries:
        result = story.records.get(entry.cell.hash)
        if result is not None and not entry.candidate and not result["facts"].get(RESUMED):
            seconds[entry.name][entry.cell.kind].append(result["cpu_seconds"])
    kinds = (PRETRAIN, *story.config.downstream)
    rows = []
    for name, by_kind in seconds.items():
        means = [f"{sum(by_kind[kind]) / len(by_kind[kind]):.0f}" if by_kind[kind] else "" for kind in kinds]
        rows.append((name, *means, clock(sum(sum(values) for values in by_kind.values()))))
    results = [story.records.get(key) for key in {entry.cell.hash for entry in story.entries}]
    done = [result for result in results if result is not None]
    energies = [result["energy_j"] for result in done if result["energy_j"] is not None]
    return Cost(
        kinds=kinds,
        rows=tuple(rows),
        devices=tuple(sorted({str(result["device"]) for result in done})),
        cells=len(done),
        total=clock(sum(result["cpu_seconds"] for result in done)),
        energy_wh=sum(energies) / 3600 if done and len(energies) == len(done) else None,
    )
