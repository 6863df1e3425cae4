"""Sliding-window segmentation of a prepared scan, and its labels on the voxels of the scan's own file."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt, UInt8
from torch import Tensor

from orienteer.finetuning.segmentation.model import SegmentationModel
from orienteer.finetuning.segmentation.patches import LOWEST
from orienteer.labelled.grids import Geometry
from orienteer.labelled.resampling import probabilities_on_file

WINDOWS_AT_ONCE = 2


def window_logits(
    model: SegmentationModel, image: Float[Tensor, "1 1 size0 size1 size2"]
) -> Float[Tensor, "1 classes size0 size1 size2"]:
    """Returns the logits of a whole prepared scan, from MONAI's sliding window with Gaussian weights."""
    from monai.inferers import sliding_window_inference  # here, not above: it takes seconds

    with torch.inference_mode():
        logits = sliding_window_inference(
            image.to(model.device),
            roi_size=model.patch_size,
            sw_batch_size=WINDOWS_AT_ONCE,
            predictor=model.network,
            overlap=model.overlap,
            mode="gaussian",
            padding_mode="constant",
            cval=LOWEST,
        )
    assert isinstance(logits, Tensor)
    return logits


def segment(
    model: SegmentationModel, voxels: Float32[np.ndarray, "size0 size1 size2"], grid: Geometry, file: Geometry
) -> UInt8[np.ndarray, "file2 file1 file0"]:
    """Returns class numbers on the voxels of a scan's file.

    Probabilities are interpolated before the most probable class is taken, so that outlines stay smooth on a finer grid.

    Args:
        voxels: of the prepared scan.
        grid: geometry of the prepared scan.
        file: geometry of the scan's file.
    """
    logits = window_logits(model, torch.from_numpy(voxels)[None, None])
    return probabilities_on_file(torch.softmax(logits[0].float(), dim=0).cpu().numpy(), grid, file)


def label_values(
    class_numbers: UInt8[np.ndarray, "file2 file1 file0"], values: Sequence[int]
) -> UInt[np.ndarray, "file2 file1 file0"]:
    """Returns the data set's label values from class numbers.

    Example:
        >>> label_values(np.array([[[0, 1, 2]]], dtype=np.uint8), [0, 2, 4]).tolist()
        [[[0, 2, 4]]]
    """
    kind = np.uint8 if max(values) < 256 else np.uint16
    labels: UInt[np.ndarray, "file2 file1 file0"] = np.array(values, dtype=kind)[class_numbers]
    return labels
