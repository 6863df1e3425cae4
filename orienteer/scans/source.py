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
    """Which scans of a folder to use, and how to take those that leave a choice."""

    include: tuple[str, ...] = ()
    """Globs over the path inside the folder (``ct/*.nii.gz``; ``*`` also crosses folders). None given: everything."""

    exclude: tuple[str, ...] = ()
    """Globs over the path inside the folder, of what to leave out. Stronger than ``include``."""

    frame: int | None = None
    """Which frame (0, 1, ...) of scans with time or echoes. None: such scans are refused. 3D scans ignore it."""

    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. ``auto``: DICOM says it, and other formats are guessed from their values, scan by scan."""


@dataclass(frozen=True)
class ScanSource:
    """One scan in a folder, before it is read.

    Attributes:
        name: path inside the folder, unique there. A DICOM series goes by its folder, never by what its header says.
        format: ``NIfTI``, ``NRRD``, ``MetaImage`` or ``DICOM``.
        files: the file, or the files of a DICOM series in slice order.
        frame: which frame to take if the file has several; None where nobody has chosen.
    """

    name: str
    format: str
    files: tuple[Path, ...]
    frame: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """Something in the folder that looked like a scan and is not used, with the reason in a few words."""

    name: str
    reason: str


@dataclass(frozen=True)
class Discovery:
    """What a folder holds: the scans, sorted by name, and what was left out."""

    sources: tuple[ScanSource, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ScanHeader:
    """What a scan's header tells, in array order of the body frame as far as axes can be renamed and turned.

    Attributes:
        shape_vox: voxels along left-right, back-front, foot-head.
        spacing_mm: distance between voxel middles along the same axes.
        extent_mm: length that the voxels cover along the same axes.
        modality: ``CT`` or ``MR`` where the file or the user says so; None if only the values can tell.
    """

    name: str
    format: str
    shape_vox: Triple
    spacing_mm: TripleMm
    extent_mm: TripleMm
    modality: str | None


@dataclass(frozen=True)
class Scan:
    """A scan in memory, its axes renamed and turned to RAS. Nothing is resampled yet.

    The middle of voxel ``ijk`` lies at ``origin_mm + axes @ (ijk * spacing_mm)`` in the body frame.

    Attributes:
        voxels: values as the file gives them (HU for CT), in the axis order closest to RAS.
        spacing_mm: distance between voxel middles, per array axis.
        origin_mm: body-frame position of the middle of voxel 0.
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
        return np.asarray(self.origin_mm) + scaled @ self.axes.T
