"""The small records that travel between finding, reading and preparing a scan."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from orienteer.types import Triple, TripleMm

NIFTI, NRRD, METAIMAGE, DICOM = "NIfTI", "NRRD", "MetaImage", "DICOM"
"""The formats, as tables and messages name them."""


@dataclass(frozen=True)
class Selection:
    """Which scans of a folder to use, and how to read ambiguous ones."""

    include: tuple[str, ...] = ()
    """Globs over the path inside the folder (``ct/*.nii.gz``; ``*`` also crosses folders). By default all."""

    exclude: tuple[str, ...] = ()
    """Globs over the path inside the folder of scans to leave out. Takes precedence over ``include``."""

    frame: int | None = None
    """Which frame (0, 1, ...) of 4D scans (time points, echoes). By default such scans are refused. 3D scans ignore it."""

    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. ``auto``: from the DICOM header; for other formats guessed from the values of each scan."""


@dataclass(frozen=True)
class ScanSource:
    """One scan in a folder, before it is read.

    Attributes:
        name: path inside the folder, unique there. A DICOM series is named by its folder, never by its header.
        format: ``NIfTI``, ``NRRD``, ``MetaImage`` or ``DICOM``.
        files: the file, or the files of a DICOM series in slice order.
        frame: which frame to take if the file has several; None if none was chosen.
    """

    name: str
    format: str
    files: tuple[Path, ...]
    frame: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """A file or series that looks like a scan and is not used, with the reason in a few words."""

    name: str
    reason: str


@dataclass(frozen=True)
class Discovery:
    """The scans of a folder, sorted by name, and what was left out."""

    sources: tuple[ScanSource, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ScanHeader:
    """The geometry of a scan from its header, in the array order closest to the axes of the body frame.

    Attributes:
        shape_vox: voxels along left-right, back-front, foot-head.
        spacing_mm: distance between voxel centres along the same axes.
        extent_mm: length that the voxels cover along the same axes.
        modality: ``CT`` or ``MR`` if the file or the user names it; None if it must be guessed from the values.
    """

    name: str
    format: str
    shape_vox: Triple
    spacing_mm: TripleMm
    extent_mm: TripleMm
    modality: str | None


@dataclass(frozen=True)
class Scan:
    """A scan in memory, its axes permuted and flipped to RAS. Nothing is resampled yet.

    The centre of voxel ``ijk`` lies at ``origin_mm + axes @ (ijk * spacing_mm)`` in the body frame.

    Attributes:
        voxels: values as the file gives them (HU for CT), in the axis order closest to RAS.
        spacing_mm: distance between voxel centres, per array axis.
        origin_mm: body-frame position of the centre of voxel 0.
        axes: column a is the direction of array axis a in the body frame, of length one; the identity unless oblique.
        modality: ``CT`` or ``MR``.
        format: ``NIfTI``, ``NRRD``, ``MetaImage`` or ``DICOM``.
    """

    name: str
    voxels: Float32[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm
    origin_mm: TripleMm
    axes: Float[np.ndarray, "3 3"]
    modality: str
    format: str

    def position_mm(self, voxel: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Returns body-frame positions in mm of (fractional) voxel indices, ``(..., 3)``."""
        scaled = voxel * np.asarray(self.spacing_mm)
        position: np.ndarray = np.asarray(self.origin_mm) + scaled @ self.axes.T
        return position
