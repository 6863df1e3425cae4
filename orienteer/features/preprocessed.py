"""A scan in memory as a network expects it, and its views."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from orienteer.features.grid import grid_starts
from orienteer.features.reading import AIR
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class Preprocessed:
    """A scan as the network expects it, and its position in the body frame.

    The centre of voxel ``[0, 0, i, j, k]`` of ``images`` is at ``origin_mm + (i, j, k) * spacing_mm`` in the body frame
    (mm towards right, front, head).

    Attributes:
        name: name of the file or series.
        images: values from -1 to 1.
        spacing_mm: voxel size.
        origin_mm: centre of the first voxel.
        modality: ``CT`` or ``MR``, whose intensity rule was used.
        value_range: the scan's own values that became -1 and 1.
        view_size: size of the views that the network was trained on, voxels.
    """

    name: str
    images: Float[Tensor, "1 1 size0 size1 size2"]
    spacing_mm: TripleMm
    origin_mm: TripleMm
    modality: str
    value_range: tuple[float, float]
    view_size: Triple

    def starts_vox(self) -> Int64[np.ndarray, "views 3"]:
        """Returns the first voxels of the fewest evenly spread views that cover the scan."""
        size0, size1, size2 = self.images.shape[2:]
        per_axis = grid_starts((size0, size1, size2), self.view_size, overlap=0.0)
        return np.stack(np.meshgrid(*per_axis, indexing="ij"), axis=-1).reshape(-1, 3)

    def views(self) -> Float[Tensor, "views 1 view0 view1 view2"]:
        """Returns the scan cut into views, in the order of `starts_vox`; a scan smaller than a view is padded with air."""
        missing = [max(0, size - length) for length, size in zip(self.images.shape[2:], self.view_size, strict=True)]
        around = [side for lack in missing[::-1] for side in (lack // 2, lack - lack // 2)]
        images = torch.nn.functional.pad(self.images, around, value=AIR)
        size0, size1, size2 = self.view_size
        at = [[start + lack // 2 for start, lack in zip(row, missing, strict=True)] for row in self.starts_vox()]
        return torch.cat([images[:, :, i : i + size0, j : j + size1, k : k + size2] for i, j, k in at])
