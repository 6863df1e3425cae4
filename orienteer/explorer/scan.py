"""One scan as the explorer holds it: prepared like the run's own scans, whole in memory, with places for views."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor

from orienteer.errors import InputError, ScanError
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.body import BodyMap
from orienteer.scans.discover import discover
from orienteer.scans.normalise import to_values
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.read import header
from orienteer.scans.source import ScanSource, Selection
from orienteer.types import Triple, TripleMm
from orienteer.views.sample import can_hold

COARSER = 2.0
"""A scan whose voxels are longer than this many times the run's is worth a warning: it shows less than the model knew."""


@dataclass(frozen=True)
class Place:
    """A view at a point that somebody asked for.

    Attributes:
        asked_mm: the point.
        start_vox: first voxel of the view.
        centre_mm: middle of the view. Views lie on whole voxels and wholly inside the scan, so this is not quite ``asked_mm``.
        low_mm: low corner of the view, outer edge of its voxels.
        high_mm: high corner.
        body_share: how much of the view is body, 0 to 1.
    """

    asked_mm: TripleMm
    start_vox: Triple
    centre_mm: TripleMm
    low_mm: TripleMm
    high_mm: TripleMm
    body_share: float

    @property
    def moved_mm(self) -> float:
        """How far the middle of the view is from the point that was asked for, mm."""
        return float(np.linalg.norm(np.subtract(self.centre_mm, self.asked_mm)))


@dataclass(frozen=True)
class OpenScan:
    """A prepared scan in memory.

    Attributes:
        name: file name, how the page calls it.
        stored: normalised voxels times 1000.
        body: where the body is, in blocks.
        spacing_mm: voxel size.
        origin_mm: body-frame place of the middle of voxel 0.
        modality: ``CT`` or ``MR``.
        value_range: the scan's own values (HU for CT) that became -1 and 1.
        warnings: what a person should know before trusting answers about this scan.
    """

    name: str
    stored: Int16[np.ndarray, "size0 size1 size2"]
    body: BodyMap
    spacing_mm: TripleMm
    origin_mm: TripleMm
    modality: str
    value_range: tuple[float, float]
    warnings: tuple[str, ...] = ()

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""
        size0, size1, size2 = self.stored.shape
        return size0, size1, size2

    @property
    def bounds_mm(self) -> tuple[TripleMm, TripleMm]:
        """The middles of the first and of the last voxel, mm."""
        last = np.array(self.origin_mm) + (np.array(self.shape_vox) - 1) * self.spacing_mm
        return self.origin_mm, _triple_mm(last)

    def place(self, point_mm: Sequence[float], size_vox: Triple) -> Place:
        """Returns the view nearest to a point, on whole voxels and inside the scan.

        Raises:
            InputError: the point is no place: not three finite numbers, or outside the scan.
        """
        low, high = self.bounds_mm
        half = np.array(self.spacing_mm) / 2
        point = np.array(point_mm, dtype=float)
        if (
            point.shape != (3,)
            or not np.isfinite(point).all()
            or (point < low - half).any()
            or (point > high + half).any()
        ):
            raise InputError(
                "point",
                wanted=f"three numbers in mm from {_words(low)} to {_words(high)}, inside {self.name}",
                got=_words(point_mm),
                do="choose a point in the scan",
            )
        first = np.rint((point - self.origin_mm) / self.spacing_mm - (np.array(size_vox) - 1) / 2).astype(int)
        return self.view_at(np.clip(first, 0, np.array(self.shape_vox) - size_vox).tolist(), size_vox, point.tolist())

    def view_at(self, start: Sequence[int], size_vox: Triple, asked_mm: Sequence[float] | None = None) -> Place:
        """Returns the view that starts at a voxel."""
        first, size, spacing = np.array(start), np.array(size_vox), np.array(self.spacing_mm)
        low = np.array(self.origin_mm) + (first - 0.5) * spacing
        centre = low + size * spacing / 2
        asked = centre if asked_mm is None else np.array(asked_mm, dtype=float)
        start0, start1, start2 = (int(value) for value in first)
        return Place(
            asked_mm=_triple_mm(asked),
            start_vox=(start0, start1, start2),
            centre_mm=_triple_mm(centre),
            low_mm=_triple_mm(low),
            high_mm=_triple_mm(low + size * spacing),
            body_share=self.body_share((start0, start1, start2), size_vox),
        )

    def body_share(self, start: Triple, size_vox: Triple) -> float:
        """Returns how much of a view is body, 0 to 1, from the blocks that it touches."""
        cell = self.body.cell_vox
        blocks = tuple(slice(at // cell, -(-(at + size) // cell)) for at, size in zip(start, size_vox, strict=True))
        return float(self.body.body[blocks].mean()) / 255

    def images(self, starts: Sequence[Triple], size_vox: Triple) -> Float[Tensor, "1 views 1 size0 size1 size2"]:
        """Returns normalised views as one view set."""
        return torch.from_numpy(np.stack([self._cut(start, size_vox) for start in starts]))[None, :, None]

    def _cut(self, start: Triple, size_vox: Triple) -> Float32[np.ndarray, "size0 size1 size2"]:
        box = tuple(slice(at, at + size) for at, size in zip(start, size_vox, strict=True))
        return to_values(self.stored[box])


def open_scan(path: str | Path, loaded: LoadedRun) -> OpenScan:
    """Returns a scan prepared as the run prepared its own.

    Args:
        path: a file, or a folder with one DICOM series.
        loaded: the run.

    Raises:
        InputError: no scan there, several scans, one that cannot be read, or one that cannot hold a view.
    """
    selection = Selection(frame=loaded.config.frame, modality=loaded.config.modality)
    source = _only_source(path, selection)
    arrays = prepare_scan(source, selection, loaded.preparation)
    size_vox = loaded.policy.view_size
    assert size_vox is not None
    shape0, shape1, shape2 = arrays.voxels.shape
    reason = can_hold((shape0, shape1, shape2), arrays.body, size_vox, min_body_fraction=0.0)
    if reason is not None:
        raise ScanError(
            source.name,
            step="fit",
            wanted=f"room for a view of {size_vox} voxels of {arrays.spacing_mm} mm, as this run uses",
            got=reason,
            do="choose a larger scan, or a run with smaller views",
        )
    return OpenScan(
        name=source.name,
        stored=arrays.voxels,
        body=arrays.body,
        spacing_mm=arrays.spacing_mm,
        origin_mm=arrays.origin_mm,
        modality=arrays.modality,
        value_range=arrays.value_range,
        warnings=tuple(_warnings(source, selection, arrays.modality, loaded)),
    )


def _only_source(path: str | Path, selection: Selection) -> ScanSource:
    sources = discover(path, selection, progress=False).sources
    if len(sources) > 1:
        raise InputError(
            str(path),
            wanted="one scan",
            got=f"{len(sources)}, among them {sources[0].name} and {sources[1].name}",
            do="name one file, or the folder of one DICOM series",
        )
    return sources[0]


def _warnings(source: ScanSource, selection: Selection, modality: str, loaded: LoadedRun) -> list[str]:
    found = []
    known = _training_modalities(loaded)
    if known and modality not in known:
        found.append(
            f"This scan is {modality}; the model was trained on {' and '.join(sorted(known))} only. It may be far off."
        )
    own_mm = header(source, selection).spacing_mm
    assert loaded.preparation.spacing_mm is not None
    if any(own > COARSER * wanted for own, wanted in zip(own_mm, loaded.preparation.spacing_mm, strict=True)):
        found.append(
            f"This scan's voxels are {_words(own_mm)} mm, much longer than the {_words(loaded.preparation.spacing_mm)} mm "
            "that the model was trained on: it shows less than the model expects."
        )
    if source.name in loaded.training.values():
        found.append(
            f"A scan of this name was trained on. Held out were, for example, {_some(loaded.validation.values())}."
        )
    return found


def _training_modalities(loaded: LoadedRun) -> set[str]:
    """Returns what the run was trained on, or nothing where its store is gone and nobody can tell."""
    try:
        with loaded.open_store() as store:
            return {store.scan(key).modality for key in loaded.training}
    except InputError:
        return set() if loaded.config.modality == "auto" else {loaded.config.modality}


def _some(names: object) -> str:
    return ", ".join(sorted(names)[:3])  # type: ignore[call-overload]


def _words(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{float(value):g}" for value in values) + ")"


def _triple_mm(values: Float[np.ndarray, "3"]) -> TripleMm:
    return float(values[0]), float(values[1]), float(values[2])
