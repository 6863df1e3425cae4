"""What the page of a comparison is about: its settings, its cells and their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.cell import Entry
from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.results.summary import Line
from orienteer.comparison.work.records import Records


@dataclass(frozen=True)
class Story:
    """A comparison with its results.

    Attributes:
        config: its settings.
        name: of the data set.
        parts: the cases of each part.
        contenders: the methods.
        entries: all cells, by method.
        records: the results of the finished cells.
        lines: the summary.
        failed: cells that failed, with the reason.
        command: the command that repeats it.
        data_fingerprint: hash of the data.
    """

    config: CompareConfig
    name: str
    parts: Parts
    contenders: Sequence[Contender]
    entries: Sequence[Entry]
    records: Records
    lines: Sequence[Line]
    failed: Mapping[str, str]
    command: str
    data_fingerprint: str
