"""A pretrained encoder, frozen and ready to use: the network, and the preparation that its training scans went through."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from orienteer.devices import Accelerator, choose_device
from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.features.grid import body_grid, interpolated, mean_over_scan, views_of_points
from orienteer.features.preprocessed import Preprocessed
from orienteer.features.reading import read_views
from orienteer.runs.recipe import preparation_of
from orienteer.runs.weights import load_encoder
from orienteer.scans.discover import discover
from orienteer.scans.normalise import to_values
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_read, prepare_scan_apart
from orienteer.scans.source import Scan, Selection
from orienteer.store.store import Store
from orienteer.types import Triple, TripleMm

Heads = Callable[[tuple[Float[Tensor, "views _ _ _ _"], ...]], list[Float[Tensor, "views _ _ _ _"]]]
"""Computes further maps of views from the feature maps of every level."""


@dataclass(frozen=True)
class ViewVectors:
    """One vector per view of a scan, and the centre of each view in mm in the body frame."""

    vectors: Float32[np.ndarray, "views channels"]
    centres_mm: Float64[np.ndarray, "views 3"]


@dataclass(frozen=True)
class Pretrained:
    """An encoder in eval mode with its preparation. Nothing here changes its weights.

    Attributes:
        network: the encoder, weights loaded.
        card: the contents of encoder.json.
        preparation: how scans are prepared, as in training. Features of scans prepared otherwise are meaningless.
    """

    network: Encoder
    card: dict[str, Any]
    preparation: Preparation

    @property
    def view_size(self) -> Triple:
        """The size in voxels of the views that the network was trained on."""
        return self.network.view_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        weights = chain(self.network.parameters(), self.network.buffers())
        return next((tensor.device for tensor in weights), torch.device("cpu"))

    def __call__(
        self, images: Float[Tensor, "items 1 size0 size1 size2"]
    ) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first, without gradient."""
        with torch.no_grad():
            levels: tuple[Tensor, ...] = self.network(images)
        return levels

    def levels(
        self, views: Float32[np.ndarray, "views size0 size1 size2"]
    ) -> tuple[Float[Tensor, "views _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first, of an array of views."""
        return self(torch.from_numpy(views)[:, None].to(self.device))

    def preprocess(self, scan: str | Path | Scan, selection: Selection | None = None) -> Preprocessed:
        """Returns a scan as in training: turned to RAS, resampled, cropped to the body, normalised, rounded.

        Args:
            scan: a file, a folder with one DICOM series, or a `Scan` in memory.
            selection: the frame of a 4D scan, and the modality where it cannot be determined.

        Raises:
            InputError: no such file, or a folder with several scans.
            ScanError: the scan cannot be used; the message says why and what to do.
        """
        if isinstance(scan, Scan):
            arrays = prepare_read(scan, self.preparation)
        else:
            sources = discover(scan, selection, progress=False).sources
            if len(sources) > 1:
                names = ", ".join(source.name for source in sources[:3])
                raise InputError(
                    str(scan), wanted="one scan", got=f"{len(sources)}: {names} ...", do="name one of them"
                )
            arrays = prepare_scan_apart(sources[0], selection or Selection(), self.preparation)
        values = torch.from_numpy(to_values(arrays.voxels))  # as the store reads them, to the last bit
        return Preprocessed(
            name=arrays.name,
            images=values[None, None],
            spacing_mm=arrays.spacing_mm,
            origin_mm=arrays.origin_mm,
            modality=arrays.modality,
            value_range=arrays.value_range,
            view_size=self.view_size,
        )

    def view_vectors(self, store: Store, key: str, overlap: float = 0.0) -> ViewVectors:
        """Returns one vector per view over the body: the mean of the last level over the view's cells.

        Cells in the air around a scan smaller than a view are ignored.

        Args:
            store: holds the scan, prepared with `preparation`.
            overlap: least share of a view that the next one on an axis covers again, 0 to 0.9.
        """
        scan = store.scan(key)
        starts = body_grid(scan.shape_vox, store.body(key), self.view_size, overlap)
        vectors = [
            mean_over_scan(self.levels(views)[-1], batch, scan.shape_vox, self.view_size)
            for batch, views in read_views(store, key, starts, self.view_size)
        ]
        centres_vox = starts + (np.array(self.view_size) - 1) / 2
        centres_mm = np.array(scan.origin_mm) + centres_vox * np.array(scan.spacing_mm)
        return ViewVectors(np.concatenate(vectors), centres_mm)

    def features_at(
        self,
        store: Store,
        key: str,
        points_vox: Float64[np.ndarray, "points 3"],
        overlap: float = 0.5,
        heads: Heads | None = None,
    ) -> Float32[np.ndarray, "points channels"]:
        """Returns the features of all levels, side by side, at places of a scan; finest level first.

        Each level is interpolated linearly. A place that several views show gets the mean of their features, each view
        weighted by how near the place is to its centre: at the border of a view, features lack half of their surroundings.

        Args:
            store: holds the scan, prepared with `preparation`.
            points_vox: places in (fractional) voxels of the prepared scan. Places outside are moved to its nearest border.
            overlap: least share of a view that the next one on an axis covers again: more is smoother and slower. At 0.5
                about eight views show each place, at 0.25 two or three.
            heads: computes further maps from the levels, whose channels follow those of the levels.
        """
        shape_vox = store.scan(key).shape_vox
        points_vox = np.clip(points_vox, 0, np.array(shape_vox) - 1)
        starts, seen = views_of_points(points_vox, shape_vox, self.view_size, overlap)
        sums: Float32[np.ndarray, "points channels"] | None = None
        total = np.zeros(len(points_vox), np.float32)
        views_seen = iter(seen)
        for batch, views in read_views(store, key, starts, self.view_size):
            levels = self.levels(views)
            maps = [*levels, *heads(levels)] if heads else list(levels)
            for number, start in enumerate(batch):
                rows, weights = next(views_seen)
                local = interpolated([each[number] for each in maps], points_vox[rows] - start, self.view_size)
                sums = np.zeros((len(points_vox), local.shape[1]), np.float32) if sums is None else sums
                sums[rows] += weights[:, None] * local
                total[rows] += weights
        return np.zeros((0, sum(self.network.channels)), np.float32) if sums is None else sums / total[:, None]

    def uncropped(self) -> "Pretrained":
        """Returns the same for scans that are not cropped to the body: labels may lie where its outline is uncertain."""
        return replace(self, preparation=replace(self.preparation, crop_to_body=False))

    def random_twin(self, seed: int = 0) -> "Pretrained":
        """Returns the same architecture with new weights: what features are worth without training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            twin = build_encoder(self.network.family, self.view_size, **self.network.arguments)
        return replace(self, network=twin.eval().to(self.device))


def load(run: str | Path, accelerator: Accelerator = "cpu", spacing_mm: TripleMm | None = None) -> Pretrained:
    """Returns the encoder of a run ready to use: weights loaded, eval mode, with the preparation of its training scans.

    Args:
        run: a run folder, an ``encoder.safetensors`` with its ``encoder.json`` beside it, a folder that `orienteer.push`
            wrote, or an address on the Hugging Face hub, ``hf://user/name``.
        accelerator: where to compute; ``auto`` takes a GPU if torch can use one.
        spacing_mm: voxel size at which scans are prepared, mm. By default that of pretraining.

    Raises:
        InputError: missing, cut or changed files, weights that do not fit the network that encoder.json names, or a GPU
            that is asked for and cannot be used.

    Example:
        >>> import tempfile
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, scans = example_run(folder)
        ...     pretrained = load(run)
        ...     scan = pretrained.preprocess(scans[0])
        >>> [tuple(level.shape) for level in pretrained(scan.views()[:2])]
        [(2, 16, 16, 16, 16), (2, 32, 8, 8, 8), (2, 64, 4, 4, 4), (2, 128, 2, 2, 2)]
    """
    device = choose_device(accelerator)
    encoder, card = load_encoder(run)
    preparation = preparation_of(card)
    if spacing_mm is not None:
        preparation = replace(preparation, spacing_mm=spacing_mm)
    return Pretrained(encoder.to(device), card, preparation)
