"""A comparison with everything settled: what its cells are planned from, and what table and page describe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.plan.leaks import refuse_twins
from orienteer.comparison.plan.measurements import FrozenSettings
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.plan.prints import Prints, part_prints
from orienteer.runs.records import fingerprint


@dataclass(frozen=True)
class Study:
    """Settings, methods and data of a comparison, resolved before its first cell runs.

    Attributes:
        config: as the user gave it.
        name: of the data set, in the table.
        contenders: the methods, ``scratch`` among them.
        measurements: settings of the measurements on frozen features, by kind.
        parts: cases to pretrain on, to validate on and to test on.
        prints: hashes of the parts' scans and labels.
        data_fingerprint: one hash for all scans.
    """

    config: CompareConfig
    name: str
    contenders: Sequence[Contender]
    measurements: Mapping[str, FrozenSettings]
    parts: Parts
    prints: Prints
    data_fingerprint: str

    @property
    def untrained(self) -> Contender:
        """The network without pretraining."""
        return next(contender for contender in self.contenders if not contender.trained)


def make_study(
    config: CompareConfig,
    contenders: Sequence[Contender],
    measurements: Mapping[str, FrozenSettings],
    parts: Parts,
    contents: Mapping[str, str],
    labels: Mapping[str, str],
) -> Study:
    """Returns the study of prepared cases.

    Args:
        contents: hash of each case's scan, by name.
        labels: hash of each case's labels, by name.

    Raises:
        InputError: one scan lies in two parts.
    """
    refuse_twins(parts, contents)
    prints = part_prints(parts, contents, labels)
    return Study(config, dataset_name(config), contenders, measurements, parts, prints, fingerprint(contents.values()))


def dataset_name(config: CompareConfig) -> str:
    """Returns the name of the data set: as given, or the folder that it lies in.

    Example:
        >>> dataset_name(CompareConfig(data="sets/liver/dataset.json")), dataset_name(CompareConfig(data="sets/liver"))
        ('liver', 'liver')
    """
    if config.name:
        return config.name
    path = Path(config.data or config.images or "data").absolute()
    return path.parent.name if path.suffix == ".json" else path.name
