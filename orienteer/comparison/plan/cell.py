"""A cell: one piece of work of a comparison, with a hash over everything that decides its result."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from orienteer.comparison.plan.measurements import FrozenSettings
from orienteer.finetuning.config import FinetuneConfig
from orienteer.output_names import safe_names
from orienteer.runs.run_config import RunConfig
from orienteer.scans.preparation import Preparation
from orienteer.types import Triple

RECIPE = 3
"""Goes up when a change of the code changes the results of cells, so that finished ones run again."""

PRETRAIN = "pretrain"
"""The kind of cell that others need."""

RESUMED = "resumed"
"""The fact that a pretraining was resumed after an earlier call was stopped."""


@dataclass(frozen=True)
class Pretraining:
    """Pretrains an encoder, or saves the untrained one.

    Attributes:
        config: complete but for the folders.
        trained: whether it is pretrained at all.
    """

    config: RunConfig
    trained: bool


@dataclass(frozen=True)
class Finetuning:
    """Fine-tunes and scores.

    Attributes:
        run: hash of the pretraining.
        config: complete but for the folders and the data.
        scratch: start from new weights.
        part: the part that is scored.
    """

    run: str
    config: FinetuneConfig
    scratch: bool
    part: str


@dataclass(frozen=True)
class Baseline:
    """What is measured without a network: how scans are prepared for it and the size of its views in voxels."""

    name: str
    preparation: Preparation
    view_size: Triple


@dataclass(frozen=True)
class Measurement:
    """Measures frozen features, or a baseline without a network.

    Attributes:
        source: hash of the pretraining, or the baseline.
        settings: of the measurement.
        part: the part that is scored.
        fraction: share of the labels, where labels are used.
    """

    source: str | Baseline
    settings: FrozenSettings
    part: str
    fraction: float


Work = Pretraining | Finetuning | Measurement


@dataclass(frozen=True)
class Cell:
    """One piece of work.

    Attributes:
        kind: ``pretrain``, or what is measured.
        seed: of everything random in it.
        fraction: share of the labels; None where no label or all are used.
        settings: all else that decides the result: plain JSON values.
        work: what to run, with every setting resolved.
        needs: hash of the pretraining that it starts from.
        method: the first method that it is of; it decides nothing, and names logs and folders.
    """

    kind: str
    seed: int
    fraction: float | None
    settings: Mapping[str, Any]
    work: Work
    needs: str | None = None
    method: str = ""

    @cached_property
    def hash(self) -> str:
        """The name of its result."""
        deciding = [version("orienteer"), RECIPE, self.kind, self.seed, self.fraction, self.settings, self.needs]
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """What it is, for a person: kind, method, share of the labels and seed.

        Example:
            >>> from orienteer.comparison.plan.measurements import ProbeSettings
            >>> work = Measurement("hash of a pretraining", ProbeSettings(), part="test", fraction=0.1)
            >>> Cell("probe", 0, 0.1, {}, work, method="default").words
            'probe of default, 10 % of the labels, seed 0'
        """
        share = "" if self.fraction is None else f", {100 * self.fraction:.3g} % of the labels"
        return f"{self.kind}{f' of {self.method}' if self.method else ''}{share}, seed {self.seed}"

    @property
    def file_name(self) -> str:
        """The name of its log and its folder: method, share of the labels and seed for a person, the hash to be unique."""
        share = "" if self.fraction is None else f"-{100 * self.fraction:.3g}pct"
        method = safe_names([self.method or "cell"])[self.method or "cell"].replace("/", "_").replace(" ", "_")
        return f"{method}{share}-seed{self.seed}-{self.hash}"


@dataclass(frozen=True)
class Entry:
    """A cell in its role in the table. Two methods with the same resolved settings share their cells.

    Attributes:
        name: of the method or baseline.
        candidate: whether it only takes part in a selection.
    """

    name: str
    cell: Cell
    candidate: bool = False
