"""The features of a whole scan, computed once: views side by side over all of it, and what they make of every place."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from orienteer.explorer.scan import OpenScan
from orienteer.geometry.boxes import box_averages, box_corners
from orienteer.geometry.frames import mm_to_voxel
from orienteer.geometry.pairs import half_size_vox
from orienteer.runs.loaded import LoadedRun
from orienteer.types import Triple, TripleMm

VIEWS_AT_ONCE = 8
"""Views between two steps of the progress bar."""

LEAST_BODY = 0.5
"""Views with less body than this share of the run's least share are left out: they show air, which the model never saw."""

CELL_BODY = 0.25
"""Cells with less body than this are air to a person who looks at the heat map, and stay clear."""

FULL_STEP, FINE_STEP = 0.5, 0.25
"""Steps of the grid of views, as shares of a view: each place is seen by 8 views, or by 64."""

FINE_VIEWS = 250
"""The finer grid is used where it needs no more views than this."""


@dataclass(frozen=True)
class Dense:
    """What the model makes of a scan.

    Attributes:
        centres_mm: middles of the grid's views, mm.
        coarsest: the encoder's last feature map of each of them.
        embedding: for each cell of the scan, the embedding that the views around it agree on; 0 where none was.
        parts: for each cell, the unit vector of the average embedding in a part (half a view) around it.
        covered: cells that show body, and that views were computed for.
        stride: voxels per cell.
        source: the task whose embedding it is; ``encoder`` where the run has none and the last features stand in.
    """

    centres_mm: Float[np.ndarray, "views 3"]
    coarsest: Float[Tensor, "views channels cells0 cells1 cells2"]
    embedding: Float[Tensor, "width grid0 grid1 grid2"]
    parts: Float[Tensor, "width grid0 grid1 grid2"]
    covered: Bool[np.ndarray, "grid0 grid1 grid2"]
    stride: Triple
    source: str

    def cell_grid(self, scan: OpenScan) -> tuple[TripleMm, TripleMm]:
        """Returns the body-frame place of the middle of cell 0, and the size of a cell, both in mm."""
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


@torch.no_grad()
def dense_features(loaded: LoadedRun, scan: OpenScan, advance: Callable[[int, int], None]) -> Dense:
    """Returns the features of a whole scan.

    Args:
        loaded: the run.
        scan: a prepared scan.
        advance: told after each few views how many are done, of how many.
    """
    size_vox = view_size(loaded)
    task, stride = _embedding_of(loaded)
    starts = grid_starts(scan, loaded, stride)
    field = _Field(scan.shape_vox, size_vox, stride)
    coarsest = []
    for first in range(0, len(starts), VIEWS_AT_ONCE):
        some = starts[first : first + VIEWS_AT_ONCE]
        features = loaded.features(scan.images(some, size_vox))
        maps = features.levels[-1] if task is None else loaded.network.tasks[task](features).embedding
        coarsest.append(features.levels[-1][0])
        for start, embedding in zip(some, maps[0].float(), strict=True):
            field.add(start, embedding)
        advance(first + len(some), len(starts))
    embedding, covered = field.mean()
    covered &= _shows_body(scan, stride, covered.shape)
    centres = np.array([scan.view_at(start, size_vox).centre_mm for start in starts])
    half0, half1, half2 = (size / cells for size, cells in zip(half_size_vox(size_vox), stride, strict=True))
    parts = torch.nn.functional.normalize(_box_filter(embedding, (half0, half1, half2)), dim=0)
    return Dense(centres, torch.cat(coarsest), embedding, parts, covered, stride, task or "encoder")


def grid_starts(scan: OpenScan, loaded: LoadedRun, stride: Triple) -> list[Triple]:
    """Returns the first voxels of the views that cover a scan, on whole cells, without those that show air."""
    size_vox = view_size(loaded)
    fine = _all_starts(scan, size_vox, stride, FINE_STEP)
    starts = fine if len(fine) <= FINE_VIEWS else _all_starts(scan, size_vox, stride, FULL_STEP)
    share = {start: scan.body_share(start, size_vox) for start in starts}
    least = min(LEAST_BODY * loaded.policy.min_body_fraction, max(share.values()))
    return [start for start in starts if share[start] >= least]


def view_size(loaded: LoadedRun) -> Triple:
    """Returns the size of the run's views in voxels."""
    size_vox = loaded.policy.view_size
    assert size_vox is not None
    return size_vox


class _Field:
    """Sums the embeddings of overlapping views, each counting most in its middle, where it sees all around."""

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


def _embedding_of(loaded: LoadedRun) -> tuple[str | None, Triple]:
    """Returns the first task that embeds every place of a view, and the voxels per cell; else the last level's."""
    blank = torch.zeros(1, loaded.config.views or 2, 1, *view_size(loaded))
    features = loaded.features(blank)
    for name, task in loaded.network.tasks.items():
        prediction = task(features)
        if hasattr(prediction, "embedding") and hasattr(prediction, "stride"):
            return name, prediction.stride
    return None, loaded.network.encoder.strides[-1]


def _shows_body(scan: OpenScan, stride: Triple, cells: tuple[int, ...]) -> Bool[np.ndarray, "grid0 grid1 grid2"]:
    """Returns the cells whose middle lies in a block of the body map that is body by a fair share."""
    middle = [
        (np.arange(count) * step + step // 2) // scan.body.cell_vox for count, step in zip(cells, stride, strict=True)
    ]
    return scan.body.body[np.ix_(*middle)] >= CELL_BODY * 255


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
    """Returns the average over a box around each cell, cells at its border counted by the share that lies inside."""
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
