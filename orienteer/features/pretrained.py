"""A pretrained encoder ready to use: the network, and the very preparation that its training scans went through."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.features.whole_scan import AIR, grid_starts
from orienteer.runs.weights import load_encoder
from orienteer.scans.discover import discover
from orienteer.scans.normalise import to_values
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_read, prepare_scan
from orienteer.scans.source import Scan, Selection
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class Preprocessed:
    """A scan as the network expects it, and where it lies.

    Voxel ``[0, 0, i, j, k]`` of ``images`` has its middle at ``origin_mm + (i, j, k) * spacing_mm`` in the body frame
    (mm towards right, front, head).

    Attributes:
        name: what a person calls the scan.
        images: values from -1 to 1.
        spacing_mm: voxel size.
        origin_mm: the middle of the first voxel.
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

    def starts_vox(self) -> np.ndarray:
        """Returns the first voxels, ``(views, 3)``, of the fewest evenly spread views that cover the scan."""
        size0, size1, size2 = self.images.shape[2:]
        every = grid_starts((size0, size1, size2), self.view_size, overlap=0.0)
        return np.stack(np.meshgrid(*every, indexing="ij"), axis=-1).reshape(-1, 3)

    def views(self) -> Float[Tensor, "views 1 view0 view1 view2"]:
        """Returns the scan cut into views, in the order of `starts_vox`; a scan smaller than a view is set in air."""
        missing = [max(0, size - length) for length, size in zip(self.images.shape[2:], self.view_size, strict=True)]
        around = [side for lack in missing[::-1] for side in (lack // 2, lack - lack // 2)]
        images = torch.nn.functional.pad(self.images, around, value=AIR)
        size0, size1, size2 = self.view_size
        at = [[start + lack // 2 for start, lack in zip(row, missing, strict=True)] for row in self.starts_vox()]
        return torch.cat([images[:, :, i : i + size0, j : j + size1, k : k + size2] for i, j, k in at])


@dataclass(frozen=True)
class Pretrained:
    """An encoder in eval mode with its preparation.

    Attributes:
        network: the encoder, weights loaded.
        card: what encoder.json says.
        preparation: how scans are brought to its form, as in training.
    """

    network: Encoder
    card: dict[str, Any]
    preparation: Preparation

    def __call__(
        self, images: Float[Tensor, "items 1 size0 size1 size2"]
    ) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first, without gradient."""
        with torch.no_grad():
            return self.network(images)

    def preprocess(self, scan: str | Path | Scan, selection: Selection | None = None) -> Preprocessed:
        """Returns a scan as training saw its scans: turned to RAS, resampled, cut to the body, normalised, rounded.

        Args:
            scan: a file, a folder with one DICOM series, or a `Scan` in memory.
            selection: the frame of a 4D scan, and the modality where it cannot be told.

        Raises:
            InputError: no such file, or a folder with several scans.
            ScanError: the scan cannot be used; the message says why and what to do.
        """
        if isinstance(scan, Scan):
            arrays = prepare_read(scan, self.preparation)
        else:
            found = discover(scan, selection, progress=False).sources
            if len(found) > 1:
                names = ", ".join(source.name for source in found[:3])
                raise InputError(str(scan), wanted="one scan", got=f"{len(found)}: {names} ...", do="name one of them")
            arrays = prepare_scan(found[0], selection or Selection(), self.preparation)
        values = torch.from_numpy(to_values(arrays.voxels))  # as the store reads them, to the last bit
        return Preprocessed(
            name=arrays.name,
            images=values[None, None],
            spacing_mm=arrays.spacing_mm,
            origin_mm=arrays.origin_mm,
            modality=arrays.modality,
            value_range=arrays.value_range,
            view_size=self.network.view_size,
        )


def load(run: str | Path) -> Pretrained:
    """Returns the encoder of a run ready to use: weights loaded, eval mode, with the preparation of its training scans.

    Args:
        run: a run folder, or an ``encoder.safetensors`` with its ``encoder.json`` beside it.

    Raises:
        InputError: missing, cut or changed files, or weights that do not fit the network that encoder.json names.

    Example:
        >>> import tempfile
        >>> from orienteer.encoders import build_encoder
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> from orienteer.runs.weights import save_encoder
        >>> rules = {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0.5, 99.5]}}
        >>> facts = {"view_size": [32, 32, 32], "spacing_mm": [5.0, 5.0, 5.0], "axes": "RAS", "intensity": rules}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_encoder(Path(folder), build_encoder("tiny", (32, 32, 32)), facts)  # as a run does
        ...     (file,) = write_phantoms(f"{folder}/scans", count=1, seed=0, progress=False)
        ...     pretrained = load(folder)
        ...     scan = pretrained.preprocess(file)
        >>> [tuple(level.shape) for level in pretrained(scan.views()[:2])]
        [(2, 16, 16, 16, 16), (2, 32, 8, 8, 8), (2, 64, 4, 4, 4), (2, 128, 2, 2, 2)]
    """
    encoder, card = load_encoder(run)
    return Pretrained(encoder, card, preparation_of(card))


def preparation_of(card: dict[str, Any]) -> Preparation:
    """Returns the preparation that encoder.json describes."""
    rules, crop = card["intensity"], card.get("crop", {})
    spacing0, spacing1, spacing2 = (float(length) for length in card["spacing_mm"])
    low, high = (float(value) for value in rules["CT"]["window_hu"])
    lower, upper = (float(percentile) for percentile in rules["MR"]["percentiles_of_body"])
    return Preparation(
        spacing_mm=(spacing0, spacing1, spacing2),
        ct_window_hu=(low, high),
        mr_percentiles=(lower, upper),
        **{name: crop[key] for name, key in (("crop_to_body", "to_body"), ("margin_mm", "margin_mm")) if key in crop},
    )
