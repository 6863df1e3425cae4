"""Dice of a simple model on frozen features, voxel by voxel, with a share of the labels."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from orienteer.comparison.measures.outcome import Outcome, Value
from orienteer.comparison.plan.bench import Bench
from orienteer.comparison.plan.measurements import ProbeSettings
from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase
from orienteer.probing.voxels import VoxelProbe
from orienteer.scans.preparation import Preparation
from orienteer.scoring.segmentation_metrics import mean


def measure_probe(
    bench: Bench, frozen: Pretrained, settings: ProbeSettings, fraction: float, seed: int, part: str
) -> Outcome:
    """Returns the Dice of each class and their mean for every case of a part.

    Args:
        fraction: share of the labels.
        seed: draws the labelled cases and the voxels.
        part: the part that is scored.
    """
    probe, scored, classes = _probe_of(bench, frozen.preparation, settings, fraction, seed, part)
    scores, choice = probe.dice(probe.features(frozen, "probing"), settings.kind)
    return Outcome(_values(scored, scores, classes), facts={"chosen": asdict(choice)})


def measure_majority_map(
    bench: Bench, preparation: Preparation, settings: ProbeSettings, fraction: float, seed: int, part: str
) -> Outcome:
    """Returns the same for the baseline that ignores the image.

    Args:
        preparation: how scans are prepared for the networks.
        fraction: share of the labels.
        seed: draws the labelled cases and the voxels.
        part: the part that is scored.
    """
    probe, scored, classes = _probe_of(bench, preparation, settings, fraction, seed, part)
    return Outcome(_values(scored, probe.baseline(), classes))


def _probe_of(
    bench: Bench, preparation: Preparation, settings: ProbeSettings, fraction: float, seed: int, part: str
) -> tuple[VoxelProbe, list[LabelledCase], list[str]]:
    """Returns the probe, the cases that it scores, and the names of the classes."""
    classes, scored = bench.cases(preparation).classes, bench.part(preparation, part)
    probe = VoxelProbe(
        bench.open_store(),
        bench.labelled(preparation, fraction, seed),
        scored,
        len(classes),
        settings.voxels,
        settings.test_voxels,
        settings.overlap,
        seed,
    )
    return probe, scored, list(classes.values())


def _values(cases: Sequence[LabelledCase], scores: Sequence[np.ndarray], classes: Sequence[str]) -> list[Value]:
    values = []
    for case, dice in zip(cases, scores, strict=True):
        of_class = dict(zip((f"dice {name}" for name in classes[1:]), dice.tolist(), strict=True))
        metrics = {"dice_mean": mean(dice.tolist()), **of_class}
        values += [Value(case.name, name, "", float(value)) for name, value in metrics.items() if not np.isnan(value)]
    return values
