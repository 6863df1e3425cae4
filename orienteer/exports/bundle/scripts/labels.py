"""From the outputs of the network back to label values on the voxels of the scan's own file."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform

from orienteer.exports.bundle.scripts.preparation import SCAN_AFFINE, SCAN_SHAPE
from orienteer.exports.bundle.scripts.resampling import strongest


class ToScanLabelsd(MapTransform):
    """Turns logits on the prepared grid into a label map of the scan: probabilities are interpolated, the strongest wins.

    Args:
        keys: of the logits, ``(classes, size0, size1, size2)``.
        label_values: label value of each class, background first.
        image_key: of the prepared image, which remembers the grid of its scan.
    """

    def __init__(self, keys: str | Sequence[str], label_values: Sequence[int], image_key: str = "image") -> None:
        super().__init__(keys)
        self.label_values, self.image_key = tuple(label_values), image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the items with label maps ``(1, file0, file1, file2)`` in place of logits."""
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = scan_labels(result[key], result[self.image_key], self.label_values)
        return result


def scan_labels(logits: torch.Tensor, image: MetaTensor, values: Sequence[int]) -> MetaTensor:
    """Returns the label map of a scan.

    Args:
        logits: on the grid of the prepared image.
        image: the prepared image.
        values: label value of each class.
    """
    affine = np.asarray(image.meta[SCAN_AFFINE], np.float64).reshape(4, 4)
    size0, size1, size2 = (int(size) for size in np.asarray(image.meta[SCAN_SHAPE]).reshape(-1))
    plain = logits.as_tensor() if isinstance(logits, MetaTensor) else logits
    probabilities = torch.softmax(plain.float(), 0).cpu().numpy()
    grid = np.asarray(image.affine.cpu(), np.float64)
    numbers = strongest(probabilities, grid, affine, (size0, size1, size2))
    labels = np.array(values, np.uint8 if max(values) < 256 else np.int32)[numbers]
    meta = {"filename_or_obj": image.meta.get("filename_or_obj", "image"), "spatial_shape": np.array(numbers.shape)}
    return MetaTensor(
        torch.from_numpy(labels)[None],
        affine=torch.from_numpy(affine),
        meta={**meta, "original_affine": torch.from_numpy(affine)},  # the same: SaveImage has nothing to resample
    )
