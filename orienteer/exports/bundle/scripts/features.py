"""Vectors of scans from the pretrained encoder: the mean over the views of the body, as `orienteer embed` computes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import nn

from orienteer.exports.bundle.scripts.preparation import Prepared, prepare, read_recipe, scan_of
from orienteer.features.grid import body_grid, mean_over_scan
from orienteer.types import Triple

AIR = -1.0
"""The value around a scan that is smaller than a view."""

VIEWS_AT_ONCE = 4


class VectorWriter:
    """Writes one file of vectors for each scan.

    Args:
        data: items whose ``image`` is loaded, ``(1, file0, file1, file2)`` with an affine.
        encoder: returns the feature maps of every level of views, finest first.
        recipe: the fields of `Recipe`.
        view_size: size of a view in voxels.
        device: where to compute.
        output_dir: folder to write into. Each scan gets ``NAME.nii.gz.npz`` with ``vector``, and with ``vectors`` and
            ``centres_mm`` (towards right, front, head) of its views.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        encoder: nn.Module,
        recipe: Mapping[str, Any],
        view_size: Sequence[int],
        device: torch.device,
        output_dir: str,
    ) -> None:
        self.data, self.encoder, self.device, self.folder = data, encoder.to(device).eval(), device, Path(output_dir)
        self.recipe = read_recipe(recipe)
        size0, size1, size2 = view_size
        self.view_size: Triple = (size0, size1, size2)

    def run(self) -> list[Path]:
        """Writes the files and returns them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files = []
        for item in self.data:
            scan, _ = scan_of(item["image"], self.recipe.modality)
            vectors, centres_mm = self.vectors(prepare(scan, self.recipe, with_body=True))
            files.append(self.folder / f"{Path(scan.name).name}.npz")
            np.savez(files[-1], vector=vectors.mean(0), vectors=vectors, centres_mm=centres_mm)
        return files

    def vectors(self, prepared: Prepared) -> tuple[Float32[np.ndarray, "views channels"], np.ndarray]:
        """Returns one vector per view over the body, and the centres of the views in mm."""
        size0, size1, size2 = prepared.values.shape
        shape: Triple = (size0, size1, size2)
        assert prepared.body is not None
        starts = body_grid(shape, prepared.body, self.view_size)
        rows = []
        for first in range(0, len(starts), VIEWS_AT_ONCE):
            batch = starts[first : first + VIEWS_AT_ONCE]
            views = np.stack([_view(prepared.values, start, self.view_size) for start in batch])[:, None]
            with torch.no_grad():
                level = self.encoder(torch.from_numpy(views).to(self.device))[-1]
            rows.append(mean_over_scan(level, batch, shape, self.view_size))
        centres = starts + (np.array(self.view_size) - 1) / 2
        return np.concatenate(rows), centres @ prepared.affine[:3, :3].T + prepared.affine[:3, 3]


def _view(
    values: Float32[np.ndarray, "size0 size1 size2"], start: Int64[np.ndarray, "3"], size: Triple
) -> Float32[np.ndarray, "view0 view1 view2"]:
    low, high = np.maximum(start, 0), np.minimum(start + np.array(size), values.shape)
    view = np.full(size, AIR, np.float32)
    place = tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, start, strict=True))
    view[place] = values[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    return view
