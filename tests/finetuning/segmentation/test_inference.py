"""Sliding windows are MONAI's, and classes on the file's voxels come from interpolated probabilities."""

import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer

from orienteer.finetuning.segmentation.inference import label_values, segment, window_logits
from orienteer.labelled.grids import grid_geometry
from tests.helpers.saved_models import SIZE, new_segmentation


@pytest.mark.parametrize("size", [(20, 30, 14), (16, 16, 16), (9, 40, 17)])
def test_windows_are_monais(size):
    model = new_segmentation()
    image = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    inferer = SlidingWindowInferer(SIZE, sw_batch_size=2, overlap=0.5, mode="gaussian", cval=-1.0)
    with torch.inference_mode():
        theirs = inferer(image, model.network)
    torch.testing.assert_close(window_logits(model, image), theirs)


@pytest.mark.parametrize(("values", "kind"), [([0, 3, 255], np.uint8), ([0, 3, 256], np.uint16)])
def test_values_of_labels_have_room_in_their_type(values, kind):
    labels = label_values(np.array([[[2, 0, 1]]], dtype=np.uint8), values)
    assert labels.dtype == kind
    assert labels.tolist() == [[[values[2], 0, 3]]]


def test_outlines_on_a_finer_grid_are_interpolated_from_probabilities():
    """Class numbers on the file's voxels follow the strongest class, also where the file is finer than the grid."""

    class Slabs(torch.nn.Module):
        def forward(self, images):
            logits = torch.zeros(len(images), 3, *images.shape[2:])
            logits[:, 1, 8:] = 5.0
            return logits

    model = new_segmentation()
    model.network.forward = Slabs().forward
    grid = grid_geometry(SIZE, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    file = grid_geometry((31, 16, 16), (1.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    labels = segment(model, np.zeros(SIZE, np.float32), grid, file)
    along = labels[8, 8]  # file order: the first axis comes last
    assert labels.shape == (16, 16, 31)
    assert along.tolist() == [0] * 15 + [int(along[15])] + [1] * 15
