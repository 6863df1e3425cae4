"""Features of whole scans from a frozen encoder: one vector per view, and features at any voxel.

Encoders see views of the size that they were trained on, never a scan at once: their norms and position embeddings
know that size. A scan is covered with a fixed grid of views, so the same scan always gives the same numbers. A scan
that is smaller than a view is put in the middle of one, with air (-1) around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.runs.weights import load_encoder
from orienteer.scans.body import BodyMap
from orienteer.scans.preparation import Preparation
from orienteer.scans.store import Store
from orienteer.types import Triple, TripleMm

AIR = -1.0
"""What lies around a scan that is smaller than a view: the darkest value of every intensity rule."""

BATCH_VOX = 2**21
"""About how many voxels go through the encoder at once: 64 views of 32 voxels, 2 of 96."""

LEAST_BODY = 0.3
"""Least share of a view that is body, as in pretraining."""


@dataclass(frozen=True)
class FrozenEncoder:
    """An encoder that is only looked at, and how scans are made ready for it.

    Attributes:
        view_size: voxels of a view.
        preparation: spacing and intensity rule; scans of other settings mean nothing to the encoder.
        device: where it computes.
        card: what encoder.json says.
    """

    encoder: Encoder
    view_size: Triple
    preparation: Preparation
    device: torch.device
    card: dict[str, Any]

    def preparation_of_whole_scans(self) -> Preparation:
        """Returns the preparation without the crop to the body: labels may lie where the body's outline is uncertain."""
        return replace(self.preparation, crop_to_body=False)

    def random_twin(self, seed: int = 0) -> "FrozenEncoder":
        """Returns the same network with fresh weights: what its architecture alone knows."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(self.card["encoder"], self.view_size, **self.card["arguments"])
        return replace(self, encoder=encoder.eval().to(self.device))

    @torch.inference_mode()
    def levels(
        self, views: Float32[np.ndarray, "views size0 size1 size2"]
    ) -> tuple[Float[Tensor, "views _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first."""
        images = torch.from_numpy(views)[:, None].to(self.device)  # (views, 1, size0, size1, size2)
        return self.encoder(images)


@dataclass(frozen=True)
class ViewVectors:
    """One vector per view of a scan, and the middle of each view in mm in the body frame."""

    vectors: Float32[np.ndarray, "views channels"]
    centres_mm: Float64[np.ndarray, "views 3"]


def frozen_encoder(
    run: str | Path,
    spacing_mm: TripleMm | None = None,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
) -> FrozenEncoder:
    """Returns the encoder of a run with the preparation that encoder.json tells.

    Args:
        run: a run folder, or an ``encoder.safetensors`` with its ``encoder.json`` beside it.
        spacing_mm: prepare scans at another voxel size than in pretraining.
        accelerator: where to compute; auto takes a GPU where there is one.

    Raises:
        InputError: missing or changed files, or a GPU asked for and not there.
    """
    encoder, card = load_encoder(run)
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("accelerator", wanted="a GPU", got="none on this machine", do="use --accelerator cpu")
    device = torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    size0, size1, size2 = card["view_size"]
    rules = card["intensity"]
    preparation = Preparation(
        spacing_mm=spacing_mm or tuple(card["spacing_mm"]),
        ct_window_hu=tuple(rules["CT"]["window_hu"]),
        mr_percentiles=tuple(rules["MR"]["percentiles_of_body"]),
    )
    return FrozenEncoder(encoder.to(device), (size0, size1, size2), preparation, device, card)


def view_vectors(frozen: FrozenEncoder, store: Store, key: str, overlap: float = 0.0) -> ViewVectors:
    """Returns one vector per view over the body: the mean of the encoder's last level over the view's cells.

    Cells that lie in the air around a scan smaller than a view do not count.

    Args:
        store: holds the scan, prepared with ``frozen.preparation``.
        overlap: least share of a view that the next one on an axis covers again, 0 to 0.9.
    """
    scan = store.scan(key)
    starts = body_grid(scan.shape_vox, store.body(key), frozen.view_size, overlap)
    vectors = []
    for batch, views in _views(frozen.view_size, store, key, starts):
        last = frozen.levels(views)[-1]  # (views, channels, cells0, cells1, cells2)
        vectors.append(_pooled(last, batch, scan.shape_vox, frozen.view_size))
    middles_vox = starts + (np.array(frozen.view_size) - 1) / 2
    centres_mm = np.array(scan.origin_mm) + middles_vox * np.array(scan.spacing_mm)
    return ViewVectors(np.concatenate(vectors), centres_mm)


def features_at(
    frozen: FrozenEncoder, store: Store, key: str, points_vox: Float64[np.ndarray, "points 3"], overlap: float = 0.5
) -> Float32[np.ndarray, "points channels"]:
    """Returns the features of all levels, side by side, at places of a scan; finest level first.

    Each level is interpolated linearly. A place that several views see gets their mean, each view counted the more the
    nearer the place is to its middle: at a view's border, features know only one side of their surroundings.

    Args:
        points_vox: places in (fractional) voxels of the prepared scan. Places beside it are read at its nearest border.
        overlap: least share of a view that the next one on an axis covers again: the more, the smoother, and the longer
            it takes. At 0.5 each place is seen by about eight views, at 0.25 by two or three.
    """
    shape_vox = store.scan(key).shape_vox
    points_vox = np.clip(points_vox, 0, np.array(shape_vox) - 1)
    starts, nearness = _nearness(points_vox, grid_starts(shape_vox, frozen.view_size, overlap), frozen.view_size)
    found = np.zeros((len(points_vox), sum(frozen.encoder.channels)), np.float32)
    total = np.zeros(len(points_vox), np.float32)
    first = 0
    for batch, views in _views(frozen.view_size, store, key, starts):
        levels = frozen.levels(views)
        for number in range(len(batch)):
            mine, weight = nearness[first + number]
            local = points_vox[mine] - batch[number]
            found[mine] += weight[:, None] * _interpolated([level[number] for level in levels], local, frozen.view_size)
            total[mine] += weight
        first += len(batch)
    return found / total[:, None]


def grid_starts(shape_vox: Triple, view_size: Triple, overlap: float) -> tuple[Int64[np.ndarray, " starts"], ...]:
    """Returns, per axis, the first voxels of the fewest evenly spread views that cover the scan.

    Example:
        >>> [starts.tolist() for starts in grid_starts((40, 32, 20), (16, 32, 32), overlap=0.0)]
        [[0, 12, 24], [0], [-6]]
    """
    if not 0 <= overlap <= 0.9:
        raise InputError("overlap", wanted="a share from 0 to 0.9", got=str(overlap), do="use 0.5")
    every = []
    for length, size in zip(shape_vox, view_size, strict=True):
        if length <= size:
            every.append(np.array([-((size - length) // 2)], np.int64))
            continue
        count = int(np.ceil((length - size) / (size * (1 - overlap)) - 1e-9)) + 1
        every.append(np.rint(np.linspace(0, length - size, count)).astype(np.int64))
    return tuple(every)


def body_grid(
    shape_vox: Triple, body: BodyMap, view_size: Triple, overlap: float = 0.0
) -> Int64[np.ndarray, "views 3"]:
    """Returns the first voxels of those views of the grid that hold enough body and nothing that was not scanned.

    Where no view does, the one with the most body stands for the scan.
    """
    per_axis = grid_starts(shape_vox, view_size, overlap)
    covered = [
        _covered_blocks(starts, size, length, body.cell_vox)
        for starts, size, length in zip(per_axis, view_size, shape_vox, strict=True)
    ]
    share = np.einsum("ai,bj,ck,ijk->abc", *covered, body.body / 255) / np.prod(view_size)
    outside = np.einsum("ai,bj,ck,ijk->abc", *covered, (~body.inside).astype(float))
    least = min(LEAST_BODY, LEAST_BODY * float(np.prod(np.minimum(shape_vox, view_size)) / np.prod(view_size)))
    chosen = np.argwhere((share >= least) & (outside == 0))
    if len(chosen) == 0:
        chosen = np.array([np.unravel_index(np.argmax(share - outside), share.shape)])
    return np.stack([per_axis[axis][chosen[:, axis]] for axis in range(3)], axis=1)


def read_view(
    store: Store, key: str, start_vox: Int64[np.ndarray, "3"], view_size: Triple
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns the voxels of one view; what lies beside the scan is air."""
    shape = np.array(store.scan(key).shape_vox)
    low, high = np.maximum(start_vox, 0), np.minimum(start_vox + np.array(view_size), shape)
    at0, at1, at2 = (int(value) for value in low)
    size0, size1, size2 = (int(value) for value in high - low)
    inner = store.read(key, (at0, at1, at2), (size0, size1, size2))
    if inner.shape == tuple(view_size):
        return inner
    view = np.full(view_size, AIR, np.float32)
    first = low - start_vox
    view[tuple(slice(int(a), int(a) + n) for a, n in zip(first, inner.shape, strict=True))] = inner
    return view


def view_batches(
    store: Store, key: str, view_size: Triple, overlap: float
) -> Iterator[Float32[np.ndarray, "batch size0 size1 size2"]]:
    """Yields the views of a fixed grid over a scan's body, as many at once as go through an encoder together."""
    starts = body_grid(store.scan(key).shape_vox, store.body(key), view_size, overlap)
    return (views for _, views in _views(view_size, store, key, starts))


def _views(
    view_size: Triple, store: Store, key: str, starts: Int64[np.ndarray, "views 3"]
) -> Iterator[tuple[Int64[np.ndarray, "batch 3"], Float32[np.ndarray, "batch size0 size1 size2"]]]:
    """Yields the views at these places with their first voxels."""
    count = max(1, BATCH_VOX // int(np.prod(view_size)))
    for first in range(0, len(starts), count):
        batch = starts[first : first + count]
        yield batch, np.stack([read_view(store, key, start, view_size) for start in batch])


def _pooled(
    level: Float[Tensor, "views channels cells0 cells1 cells2"],
    starts: Int64[np.ndarray, "views 3"],
    shape_vox: Triple,
    view_size: Triple,
) -> Float32[np.ndarray, "views channels"]:
    """Returns the mean over a view's cells, each counted by the share of its voxels that lie in the scan."""
    weights = []
    for axis in range(3):
        cells = level.shape[2 + axis]
        at = starts[:, axis, None] + np.arange(view_size[axis])  # (views, voxels)
        there = ((at >= 0) & (at < shape_vox[axis])).astype(np.float32)
        share = rearrange(there, "views (cells voxels) -> views cells voxels", cells=cells).mean(-1)
        weights.append(torch.from_numpy(share / share.sum(1, keepdims=True)).to(level.device))
    return torch.einsum("vcijk,vi,vj,vk->vc", level.float(), *weights).cpu().numpy()


def _covered_blocks(
    starts: Int64[np.ndarray, " starts"], size: int, length: int, cell: int
) -> Float64[np.ndarray, "starts blocks"]:
    """Returns how many voxels of each block of one axis a view from each start covers."""
    low = np.arange(-(-length // cell)) * cell
    high = np.minimum(low + cell, length)
    return np.maximum(np.minimum(starts[:, None] + size, high) - np.maximum(starts[:, None], low), 0).astype(float)


def _nearness(
    points_vox: Float64[np.ndarray, "points 3"], per_axis: tuple[np.ndarray, ...], view_size: Triple
) -> tuple[Int64[np.ndarray, "views 3"], list[tuple[np.ndarray, np.ndarray]]]:
    """Returns the first voxels of the views that see any place, and which ones each sees, how near to its middle.

    Nearness falls in a straight line from 1 in the middle of a view to 0 just beside it, and multiplies over the axes.
    """
    hats = [
        np.maximum(0, 1 - np.abs(points_vox[:, axis, None] - starts - (size - 1) / 2) / ((size + 1) / 2))
        for axis, (starts, size) in enumerate(zip(per_axis, view_size, strict=True))
    ]
    starts, seen = [], []
    for i, j, k in np.ndindex(*(len(axis) for axis in per_axis)):
        weight = hats[0][:, i] * hats[1][:, j] * hats[2][:, k]
        mine = np.flatnonzero(weight)
        if len(mine):
            starts.append((per_axis[0][i], per_axis[1][j], per_axis[2][k]))
            seen.append((mine, weight[mine].astype(np.float32)))
    return np.array(starts, np.int64).reshape(-1, 3), seen


def _interpolated(
    levels: list[Float[Tensor, "_ _ _ _"]], local_vox: Float64[np.ndarray, "points 3"], view_size: Triple
) -> Float32[np.ndarray, "points channels"]:
    # A view of n voxels spans [-0.5, n - 0.5]; grid_sample calls its faces -1 and 1 and wants the last axis first.
    faces = (2 * local_vox + 1) / np.array(view_size) - 1
    grid = torch.from_numpy(faces[:, ::-1].astype(np.float32)).to(levels[0].device)[None, None, None]
    columns = [
        functional.grid_sample(level.float()[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
        for level in levels
    ]
    return (
        torch.cat([rearrange(column, "1 channels 1 1 points -> points channels") for column in columns], 1)
        .cpu()
        .numpy()
    )
