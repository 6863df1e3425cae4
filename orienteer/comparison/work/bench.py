"""The workbench that all cells of a comparison share: where things lie, the cases, their parts, prepared once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from orienteer.comparison.work.parts import Parts
from orienteer.labelled.cases import LabelledCase, PreparedCases, prepare_cases
from orienteer.labelled.datasets import LabelledData
from orienteer.labelled.split import draw_cases
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.scans.store import Store


class Value(NamedTuple):
    """One figure of one case: the name of the case, what was measured, its unit, and the number."""

    case: str
    metric: str
    unit: str
    value: float


class Outcome(NamedTuple):
    """What a cell gives: figures case by case, optimiser steps if there were any, and what else there is to tell."""

    values: Sequence[Value]
    steps: int | None = None
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to


@dataclass(frozen=True)
class Bench:
    """What every process of a comparison is given.

    Attributes:
        out: folder of the comparison.
        store: prepared scans.
        links: folder with the scans to pretrain on and nothing else.
        data: all cases.
        parts: who is pretrained on, validates and tests.
        prepared: cases by the fingerprint of their preparation; more are added when they are needed.
    """

    out: Path
    store: Path
    links: Path
    data: LabelledData
    parts: Parts
    prepared: dict[str, PreparedCases] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """How files are read."""
        return Selection(modality=self.data.modality)

    def cases(self, preparation: Preparation) -> PreparedCases:
        """Returns all cases, prepared whole: labels may lie where the body's outline is uncertain."""
        assert not preparation.crop_to_body
        key = preparation.fingerprint()
        if key not in self.prepared:
            self.prepared[key] = prepare_cases(
                self.data, self.store, preparation, self.selection, workers=0, given_spacing=True, shown=False
            )
        return self.prepared[key]

    def part(self, preparation: Preparation, name: str) -> list[LabelledCase]:
        """Returns the cases of a part: ``pretraining``, ``validation`` or ``test``."""
        cases = self.cases(preparation).cases
        return [cases[name] for name in sorted(self.parts.part(name))]

    def labelled(self, preparation: Preparation, fraction: float, seed: int) -> list[LabelledCase]:
        """Returns the cases whose labels are used: the same for every method."""
        cases = self.cases(preparation).cases
        return [cases[name] for name in draw_cases(self.parts.pretraining, fraction, seed)]

    def open_store(self) -> Store:
        """Returns a reader of the store."""
        return Store.open(self.store)
