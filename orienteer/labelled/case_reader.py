"""Reading boxes of labelled cases: voxels and labels together."""

import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_cache import class_samples, open_labels
from orienteer.store.store import Store
from orienteer.types import Triple

KEPT_BYTES = 1 << 30
"""Memory for whole cases that were read once; beyond it they are read in parts each time."""

VOXEL_BYTES = 5
"""Bytes of a voxel in memory: a float32 and a class number."""


class CaseReader:
    """Reads boxes of labelled cases, and keeps whole cases in memory up to a limit.

    Args:
        store: the scans.
        kept_bytes: the limit.
    """

    def __init__(self, store: Store, kept_bytes: int = KEPT_BYTES) -> None:
        self.store, self.kept_bytes = store, kept_bytes
        self._kept: OrderedDict[Path, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._samples: dict[Path, dict[int, np.ndarray]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"store": self.store, "kept_bytes": self.kept_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def read(
        self, case: LabelledCase, start: Triple, size: Triple
    ) -> tuple[Float32[np.ndarray, "size0 size1 size2"], UInt8[np.ndarray, "size0 size1 size2"]]:
        """Returns voxels in [-1, 1] and class numbers of a box inside the case."""
        if math.prod(case.shape_vox) * VOXEL_BYTES * 8 > self.kept_bytes:  # it would take over an eighth of the memory
            labels = open_labels(case.labels)[_box(start, size)]
            return self.store.read(case.key, start, size), labels
        if case.labels not in self._kept:
            whole = self.store.read(case.key, (0, 0, 0), case.shape_vox)
            self._kept[case.labels] = whole, open_labels(case.labels)[:]
            while sum(image.size for image, _ in self._kept.values()) * VOXEL_BYTES > self.kept_bytes:
                self._kept.popitem(last=False)
        self._kept.move_to_end(case.labels)
        image, labels = self._kept[case.labels]
        return image[_box(start, size)], labels[_box(start, size)]

    def foreground(self, case: LabelledCase) -> dict[int, np.ndarray]:
        """Returns a sample of voxels, ``(voxels, 3)``, of each foreground class that the case has, by class number."""
        if case.labels not in self._samples:
            self._samples[case.labels] = class_samples(case.labels)
        return self._samples[case.labels]


def _box(start: Triple, size: Triple) -> tuple[slice, ...]:
    return tuple(slice(begin, begin + length) for begin, length in zip(start, size, strict=True))
