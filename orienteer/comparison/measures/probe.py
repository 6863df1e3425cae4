"""Dice of a simple model on frozen features, voxel by voxel, with a share of the labels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from orienteer.comparison.work.bench import Bench, Outcome, Value
from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase
from orienteer.probing.voxels import VoxelProbe
from orienteer.scans.preparation import Preparation
from orienteer.scoring.segmentation_metrics import mean

MAJORITY_MAP = "majority map"
"""The rival: the most frequent label at each place, counted from the middle of the scan. It looks at no image."""


@dataclass(frozen=True)
class VoxelSettings:
    """How voxels are probed; see `orienteer probe`."""

    kind: Literal["ridge", "logistic", "knn"] = "ridge"
    voxels: int = 1000
    test_voxels: int = 20_000
    overlap: float = 0.25


def measure_probe(
    bench: Bench, frozen: Pretrained | Preparation, settings: VoxelSettings, fraction: float, seed: int, part: str
) -> Outcome:
    """Returns the Dice of each class and their mean for every case of a part.

    Args:
        frozen: the encoder; or, for the rival that looks at no image, how scans are prepared.
        fraction: share of the labels.
        seed: draws the labelled cases and the voxels.
    """
    preparation = frozen if isinstance(frozen, Preparation) else frozen.preparation
    prepared, scored = bench.cases(preparation), bench.part(preparation, part)
    voxels = VoxelProbe(
        bench.open_store(),
        bench.labelled(preparation, fraction, seed),
        scored,
        len(prepared.classes),
        settings.voxels,
        settings.test_voxels,
        settings.overlap,
        seed,
    )
    if isinstance(frozen, Preparation):
        return Outcome(_values(scored, voxels.baseline(), list(prepared.classes.values())))
    scores, choice = voxels.dice(voxels.features(frozen, "probing"), settings.kind)
    return Outcome(_values(scored, scores, list(prepared.classes.values())), facts={"chosen": asdict(choice)})


def _values(cases: Sequence[LabelledCase], scores: Sequence[np.ndarray], classes: Sequence[str]) -> list[Value]:
    values = []
    for case, dice in zip(cases, scores, strict=True):
        rows = {
            "dice_mean": mean(dice.tolist()),
            **{f"dice {n}": v for n, v in zip(classes[1:], dice.tolist(), strict=True)},
        }
        values += [Value(case.name, name, "", float(value)) for name, value in rows.items() if not np.isnan(value)]
    return values
