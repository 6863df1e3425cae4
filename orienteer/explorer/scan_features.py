"""Features of a whole scan, computed once from overlapping views: an embedding of every place."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from orienteer.explorer.scan import OpenScan
from orienteer.explorer.view_geometry import view_size
from orienteer.geometry.boxes import box_averages, box_corners
from orienteer.geometry.frames import mm_to_voxel
from orienteer.geometry.pairs import half_size_vox
from orienteer.runs.loaded import LoadedRun
from orienteer.types import Triple, TripleMm

VIEWS_AT_ONCE = 8
"""Views per step of the progress bar."""

LEAST_BODY = 0.5
"""Views with less body than this share of the run's minimum are left out: the model was not trained on air."""

CELL_BODY = 0.25
"""Cells with less body than this are air and stay transparent in the heat map."""

FULL_STEP, FINE_STEP = 0.5, 0.25
"""Steps of the grid of views, as shares of a view: each place is in 8 views, or in 64."""

FINE_VIEWS = 250
"""The finer grid is used if it needs no more views than this."""


@dataclass(frozen=True)
class ScanFeatures:
    """Features of a scan.

    Attributes:
        embedding: for each cell of the scan, the weighted mean embedding of the views around it; 0 where there was none.
        parts: for each cell, the unit vector of the average embedding in a part (half a view) around it.
        covered: cells that show body and are in a view.
        stride: voxels per cell.
        source: the task whose embedding it is; ``encoder`` if no task embeds places and the last features are used.
    """

    embedding: Float[Tensor, "width grid0 grid1 grid2"]
    parts: Float[Tensor, "width grid0 grid1 grid2"]
    covered: Bool[np.ndarray, "grid0 grid1 grid2"]
    stride: Triple
    source: str

    def cell_grid(self, scan: OpenScan) -> tuple[TripleMm, TripleMm]:
        """Returns the centre of cell 0 in the body frame and the size of a cell, both in mm."""
        spacing, stride = np.array(scan.spacing_mm), np.array(self.stride)
        origin = np.array(scan.origin_mm) + (stride - 1) / 2 * spacing
        size = stride * spacing
        return (float(origin[0]), float(origin[1]), float(origin[2])), (float(size[0]), float(size[1]), float(size[2]))

    def around(self, point_mm: Sequence[float], scan: OpenScan, view_size: Triple) -> Float[Tensor, " width"]:
        """Returns the unit vector of the average embedding in a part around a point."""
        point = mm_to_voxel(torch.tensor(point_mm, dtype=torch.float32), scan.spacing_mm, scan.origin_mm)
        low, high = box_corners(point[None, None], half_size_vox(view_size))
        device = self.embedding.device
        average = box_averages(self.embedding[None], low.to(device), high.to(device), self.stride)[0, 0]
        return torch.nn.functional.normalize(average, dim=0)


@dataclass(frozen=True)
class EmbeddingSource:
    """Where the embedding of places comes from.

    Attributes:
        task: the task that embeds every place of a view; None if none does and the encoder's last level is used.
        stride: voxels per cell.
    """

    task: str | None
    stride: Triple


@torch.no_grad()
def embedding_source(loaded: LoadedRun) -> EmbeddingSource:
    """Returns the first task whose prediction embeds every place of a view, else the encoder's last level."""
    blank = torch.zeros(1, loaded.config.views or 2, 1, *view_size(loaded))
    features = loaded.features(blank)
    for name, task in loaded.network.tasks_by_name.items():
        prediction = task(features)
        if hasattr(prediction, "embedding") and hasattr(prediction, "stride"):
            return EmbeddingSource(name, prediction.stride)
    return EmbeddingSource(None, loaded.network.encoder.strides[-1])


@torch.no_grad()
def compute_features(
    loaded: LoadedRun,
    scan: OpenScan,
    source: EmbeddingSource,
    starts: Sequence[Triple],
    advance: Callable[[int], None],
) -> ScanFeatures:
    """Returns the features of a whole scan.

    Args:
        loaded: the run.
        scan: a prepared scan.
        source: of the embedding.
        starts: first voxels of the views, as `grid_starts` gives them.
        advance: called with the number of views after each batch.
    """
    size_vox, task, stride = view_size(loaded), source.task, source.stride
    field = _Field(scan.shape_vox, size_vox, stride)
    for first in range(0, len(starts), VIEWS_AT_ONCE):
        batch = starts[first : first + VIEWS_AT_ONCE]
        features = loaded.features(scan.images(batch, size_vox))
        maps = features.levels[-1] if task is None else loaded.network.tasks[task](features).embedding
        for start, embedding in zip(batch, maps[0].float(), strict=True):
            field.add(start, embedding)
        advance(len(batch))
    embedding, covered = field.mean()
    covered &= _shows_body(scan, stride, covered.shape)
    half0, half1, half2 = (size / cells for size, cells in zip(half_size_vox(size_vox), stride, strict=True))
    parts = torch.nn.functional.normalize(_box_filter(embedding, (half0, half1, half2)), dim=0)
    return ScanFeatures(embedding, parts, covered, stride, task or "encoder")


def grid_starts(scan: OpenScan, loaded: LoadedRun, stride: Triple) -> list[Triple]:
    """Returns the first voxels of the views that cover a scan, on whole cells, leaving out those that show air."""
    size_vox = view_size(loaded)
    fine = _all_starts(scan, size_vox, stride, FINE_STEP)
    starts = fine if len(fine) <= FINE_VIEWS else _all_starts(scan, size_vox, stride, FULL_STEP)
    share = {start: scan.body_share(start, size_vox) for start in starts}
    least = min(LEAST_BODY * loaded.policy.min_body_fraction, max(share.values()))
    return [start for start in starts if share[start] >= least]


class _Field:
    """Weighted sum of the embeddings of overlapping views, with the largest weight at their centres."""

    def __init__(self, shape_vox: Triple, size_vox: Triple, stride: Triple) -> None:
        self.cells = tuple(size // step for size, step in zip(shape_vox, stride, strict=True))
        self.stride = stride
        ramps = [
            torch.sin(math.pi * (torch.arange(size // step) + 0.5) / (size // step)) ** 2
            for size, step in zip(size_vox, stride, strict=True)
        ]
        self.weight = torch.einsum("i,j,k->ijk", *ramps)
        self.total = torch.zeros(self.cells)
        self.sum: Tensor | None = None

    def add(self, start: Triple, embedding: Float[Tensor, "width cells0 cells1 cells2"]) -> None:
        weight = self.weight.to(embedding.device)
        if self.sum is None:
            self.sum = torch.zeros(len(embedding), *self.cells, device=embedding.device)
        box = tuple(
            slice(at // step, at // step + count)
            for at, step, count in zip(start, self.stride, weight.shape, strict=True)
        )
        self.sum[(slice(None), *box)] += embedding * weight
        self.total[box] += self.weight

    def mean(self) -> tuple[Float[Tensor, "width grid0 grid1 grid2"], Bool[np.ndarray, "grid0 grid1 grid2"]]:
        assert self.sum is not None
        covered = self.total > 0
        return self.sum / self.total.clamp(min=1e-6).to(self.sum.device), covered.numpy()


def _shows_body(scan: OpenScan, stride: Triple, cells: tuple[int, ...]) -> Bool[np.ndarray, "grid0 grid1 grid2"]:
    """Returns the cells whose centre is in a block of the body map with enough body."""
    centre = [
        (np.arange(count) * step + step // 2) // scan.body.cell_vox for count, step in zip(cells, stride, strict=True)
    ]
    return scan.body.body[np.ix_(*centre)] >= CELL_BODY * 255


def _all_starts(scan: OpenScan, size_vox: Triple, stride: Triple, share: float) -> list[Triple]:
    axes = []
    for length, size, cell in zip(scan.shape_vox, size_vox, stride, strict=True):
        last = (length - size) // cell * cell
        step = max(1, round(size * share / cell)) * cell
        axes.append([*range(0, last, step), last])
    return list(product(*axes))


def _box_filter(
    field: Float[Tensor, "width grid0 grid1 grid2"], cells: tuple[float, float, float]
) -> Float[Tensor, "width grid0 grid1 grid2"]:
    """Returns the average over a box around each cell; cells at its border count by the share inside the box."""
    out = field[:, None]
    for axis, length in enumerate(cells):
        reach = math.ceil((length - 1) / 2)
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
        share = (torch.clamp(offsets + 0.5, max=length / 2) - torch.clamp(offsets - 0.5, min=-length / 2)).clamp(min=0)
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = len(offsets)
        padding = [0, 0, 0]
        padding[axis] = reach
        kernel = (share / length).reshape(shape).to(field)
        out = torch.nn.functional.conv3d(out, kernel, padding=tuple(padding))
    return out[:, 0]
