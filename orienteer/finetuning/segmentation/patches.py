"""Training patches: cases and positions of each step, a function of the seed and the step alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from orienteer.finetuning.step_batches import shuffled_index
from orienteer.labelled.case_reader import CaseReader
from orienteer.labelled.cases import LabelledCase
from orienteer.types import Triple

FOREGROUND_SHARE = 0.5
"""Share of patches that are cut around a voxel of a class, where a case is larger than a patch."""

LOWEST = -1.0
"""Fills a patch beyond the scan's border: the darkest normalised value."""


@dataclass(frozen=True)
class PatchBatch:
    """Patches of one step.

    Attributes:
        images: normalised voxels, ``(batch, 1, size0, size1, size2)``.
        labels: class numbers, ``(batch, 1, size0, size1, size2)``.
        names: the cases that they are cut from.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]

    def to(self, device: torch.device) -> "PatchBatch":
        """Returns the batch on a device."""
        return PatchBatch(self.images.to(device), self.labels.to(device), self.names)


class Patches(Dataset[PatchBatch]):
    """Item t is the batch of step t, whatever was drawn before, so that a resumed run sees the same patches."""

    def __init__(
        self, reader: CaseReader, cases: Sequence[LabelledCase], patch_size: Triple, batch: int, seed: int
    ) -> None:
        self.reader, self.cases, self.patch_size, self.batch, self.seed = reader, list(cases), patch_size, batch, seed

    def __getitem__(self, step: int) -> PatchBatch:
        """Returns the patches of one step, not yet augmented."""
        images, labels, names = [], [], []
        for place in range(self.batch):
            case = self.cases[shuffled_index(step * self.batch + place, len(self.cases), self.seed)]
            rng = np.random.default_rng([self.seed, 1, step, place])
            image, label = cut(self.reader, case, draw_start(rng, self.reader, case, self.patch_size), self.patch_size)
            images.append(torch.from_numpy(image))
            labels.append(torch.from_numpy(label))
            names.append(case.name)
        return PatchBatch(torch.stack(images)[:, None], torch.stack(labels)[:, None], tuple(names))


def draw_start(rng: np.random.Generator, reader: CaseReader, case: LabelledCase, size: Triple) -> Triple:
    """Returns the start of a patch, in voxels of the case; below 0 where the case is smaller than the patch.

    Where it is larger, half of the patches are cut around a voxel of a class, each class of the case equally often.
    """
    room = np.array(case.shape_vox) - np.array(size)
    start = rng.integers(0, np.maximum(room, 0) + 1)
    around, jitter = rng.random() < FOREGROUND_SHARE, rng.random(3)
    if around and (room > 0).any() and (foreground := reader.foreground(case)):
        voxels = foreground[sorted(foreground)[rng.integers(len(foreground))]]
        voxel = voxels[rng.integers(len(voxels))]
        # Anywhere in the central half of the patch, so that a class is not always seen at its centre.
        wanted = voxel - ((0.25 + 0.5 * jitter) * np.array(size)).astype(int)
        start = np.clip(wanted, 0, np.maximum(room, 0))
    start = np.where(room < 0, -((-room) // 2), start)
    return int(start[0]), int(start[1]), int(start[2])


def cut(
    reader: CaseReader, case: LabelledCase, start: Triple, size: Triple
) -> tuple[Float32[np.ndarray, "size0 size1 size2"], UInt8[np.ndarray, "size0 size1 size2"]]:
    """Returns a patch; beyond the case it is filled with the darkest value and background."""
    low = np.maximum(start, 0)
    high = np.minimum(np.array(start) + size, case.shape_vox)
    inner = [int(edge) for edge in high - low]
    box, voxels = reader.read(case, (int(low[0]), int(low[1]), int(low[2])), (inner[0], inner[1], inner[2]))
    if tuple(inner) == tuple(size):
        return np.ascontiguousarray(box), np.ascontiguousarray(voxels)
    image, labels = np.full(size, LOWEST, np.float32), np.zeros(size, np.uint8)
    place = tuple(slice(int(first), int(first) + edge) for first, edge in zip(low - start, inner, strict=True))
    image[place], labels[place] = box, voxels
    return image, labels
