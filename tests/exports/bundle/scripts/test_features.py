"""Vectors of a scan: one file for each, and air around a scan that is smaller than a view."""

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

from orienteer.exports.bundle.configs import recipe_fields
from orienteer.exports.bundle.scripts.features import VectorWriter
from orienteer.scans.preparation import Preparation


class Means(nn.Module):
    """One level, whose single cell is the mean of the view."""

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor]:
        return (views.mean(dim=(2, 3, 4), keepdim=True),)


def test_a_scan_smaller_than_a_view_is_placed_in_the_centre_of_one(tmp_path):
    values = np.random.default_rng(0).normal(500, 100, (1, 12, 12, 12)).astype(np.float32)
    image = MetaTensor(torch.from_numpy(values), affine=torch.eye(4), meta={"filename_or_obj": "/x/a.nii.gz"})
    recipe = recipe_fields(Preparation(spacing_mm=(1.0, 1.0, 1.0), crop_to_body=False), "MR")
    writer = VectorWriter([{"image": image}], Means(), recipe, [16, 16, 16], torch.device("cpu"), str(tmp_path / "out"))
    assert [path.name for path in writer.run()] == ["a.nii.gz.npz"]
    written = np.load(tmp_path / "out/a.nii.gz.npz")
    assert written["vectors"].shape == (1, 1)
    np.testing.assert_allclose(written["centres_mm"], [[5.5, 5.5, 5.5]])
    assert written["vector"] < -0.4  # 58 % of the view are air, at -1
