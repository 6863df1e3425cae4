"""Logits become label values on the grid that a prepared image remembers."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from orienteer.exports.bundle.scripts.labels import ToScanLabelsd
from orienteer.exports.bundle.scripts.preparation import SCAN_AFFINE, SCAN_SHAPE


@pytest.mark.parametrize(("values", "kind"), [([0, 2, 5], torch.uint8), ([0, 2, 500], torch.int32)])
def test_label_values_lie_where_the_logits_are_highest(values, kind):
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[0, 3] = 3.0  # the file runs from right to left
    image = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4), meta={
        "filename_or_obj": "a.nii", SCAN_AFFINE: affine, SCAN_SHAPE: np.array([4, 4, 4])})  # fmt: skip
    logits = torch.zeros(3, 4, 4, 4)
    logits[1, 0], logits[2, 3] = 5, 5
    pred = ToScanLabelsd("pred", values)({"image": image, "pred": logits})["pred"]
    assert pred.dtype == kind
    assert pred[0, :, 0, 0].tolist() == [values[2], 0, 0, values[1]]
    assert pred.meta["filename_or_obj"] == "a.nii"
    np.testing.assert_allclose(pred.affine, affine)
