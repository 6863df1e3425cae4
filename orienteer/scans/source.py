"""The small records that travel between finding, reading and preparing a scan."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        companions: files beside the first that hold its voxels (``.raw`` of ``.mhd``, ``.img`` of ``.hdr``).
    """

    name: str
    format: str
    files: tuple[Path, ...]
    frame: int | None = None
    companions: tuple[Path, ...] = ()


def folder_of(sources: Sequence[ScanSource]) -> Path:
    """Returns the deepest folder that holds all files of scans, absolute.

    Example:
        >>> folder_of([ScanSource(name, "NIfTI", (Path("/data", name),)) for name in ("a/b.nii", "c.nii")]).as_posix()
        '/data'
    """
    return Path(os.path.commonpath([source.files[0].absolute().parent for source in sources]))


@dataclass(frozen=True)
class LeftOut:
    """A file or series that looks like a scan and is not used, with the reason in a few words.

    Attributes:
        files: how many files that are.
    """

    name: str
    reason: str
    files: int = 1


@dataclass(frozen=True)
class Discovery:
    """The scans of a folder, sorted by name, and what was left out.

    Every file is in one of the three: ``files`` is the sum of the files of ``sources``, ``left_out`` and ``others``.

    Attributes:
        others: how many files are no scans at all, by the ending of their names.
        files: how many files were found.

    Example:
        >>> discovery = Discovery((), (LeftOut("a.nii", "an empty file"),), {".txt": 3}, files=4)
        >>> reasons(discovery.with_others())
        {'not a scan (.txt)': 3, 'an empty file': 1}
    """

    sources: tuple[ScanSource, ...]
    left_out: tuple[LeftOut, ...]
    others: Mapping[str, int] = field(default_factory=dict)
    files: int = 0

    def with_others(self) -> tuple[LeftOut, ...]:
        """Returns what was left out, and the files that are no scans as one item for each ending of their names."""
        others = tuple(LeftOut(f"*{end}", f"not a scan ({end})", count) for end, count in self.others.items())
        return self.left_out + others


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, int]:
    """Returns how many files were left out for each reason, the most frequent first."""
    counts: Counter[str] = Counter()
    for item in left_out:
        counts[item.reason] += item.files
    return dict(counts.most_common())


@dataclass(frozen=True)
class ScanHeader:
    """The geometry of a scan from its header, in the array order closest to the axes of the body frame.

    Attributes:
        shape_vox: voxels along left-right, back-front, foot-head.
        spacing_mm: distance between voxel centres along the same axes.
        extent_mm: length that the voxels cover along the same axes.
        modality: ``CT`` or ``MR`` if the file or the user names it; None if it must be guessed from the values.
        warnings: what is odd about the file and how it was decided, if anything.
    """

    name: str
    format: str
    shape_vox: Triple
    spacing_mm: TripleMm
    extent_mm: TripleMm
    modality: str | None
    warnings: tuple[str, ...] = ()


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
        warnings: what is odd about the file and how it was decided, if anything.
    """

    name: str
    voxels: Float32[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm
    origin_mm: TripleMm
    axes: Float[np.ndarray, "3 3"]
    modality: str
    format: str
    warnings: tuple[str, ...] = ()

    def position_mm(self, voxel: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Returns body-frame positions in mm of (fractional) voxel indices, ``(..., 3)``."""
        scaled = voxel * np.asarray(self.spacing_mm)
        position: np.ndarray = np.asarray(self.origin_mm) + scaled @ self.axes.T
        return position
