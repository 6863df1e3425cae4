"""Header faults: the voxels stay, the header states a wrong orientation or voxel size.

For demonstrations and tests of `header_check`. A fault is applied to the file before anything is prepared, so that the model
sees what it would see in practice: a mirrored, turned or wrongly scaled body.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.files import replacing
from orienteer.geometry.orientations import ORIENTATIONS, Orientation
from orienteer.headers.evidence import WRONG_SIZES
from orienteer.output_names import output_paths
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.types import AXIS_NAMES, TripleMm


def _circle(orientation: Orientation, first: int) -> tuple[int, ...]:
    """Returns an axis, the axis that it is read as, and so on until the first comes again."""
    axes = [first]
    while orientation.axes[axes[-1]] != first:
        axes.append(orientation.axes[axes[-1]])
    return tuple(axes)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a header.

    Attributes:
        mirrored: array axes that the header counts in the wrong direction.
        swapped: array axes that the header confuses: two that are swapped, or three, each of which is read as the next
            and the last as the first; None if there are none.
        spacing_factor: the header's voxel size divided by the true one; one number for all axes, or one for each axis as
            the header states it.
    """

    mirrored: tuple[int, ...] = ()
    swapped: tuple[int, ...] | None = None
    spacing_factor: float | TripleMm = 1.0

    def __post_init__(self) -> None:
        """Brings faults that are the same to one form, so that they are equal."""
        object.__setattr__(self, "mirrored", tuple(sorted(self.mirrored)))
        if self.swapped:
            first = self.swapped.index(min(self.swapped))
            object.__setattr__(self, "swapped", (*self.swapped[first:], *self.swapped[:first]))
        if isinstance(self.spacing_factor, tuple) and len(set(self.spacing_factor)) == 1:
            object.__setattr__(self, "spacing_factor", self.spacing_factor[0])

    @staticmethod
    def of(orientation: Orientation, factors: TripleMm = (1.0, 1.0, 1.0)) -> "Fault":
        """Returns the fault of a header that states the axes in another orientation.

        Args:
            orientation: what the header makes of the body's axes.
            factors: the header's voxel size divided by the true one, along each axis as stated.

        Example:
            >>> Fault.of(Orientation((1, 0, 2), (1, 1, -1))).name
            'mirrored foot-head, left-right and back-front swapped'
        """
        mirrored = tuple(axis for axis, sign in zip(orientation.axes, orientation.signs, strict=True) if sign < 0)
        moved = [axis for axis in range(3) if orientation.axes[axis] != axis]
        swapped = _circle(orientation, moved[0]) if moved else None
        return Fault(mirrored, swapped, factors)

    @property
    def orientation(self) -> Orientation:
        """What the header makes of the body's axes."""
        axes = [0, 1, 2]
        for number, axis in enumerate(self.swapped or ()):
            axes[axis] = (self.swapped or ())[(number + 1) % len(self.swapped or ())]
        signs = [-1 if axis in self.mirrored else 1 for axis in axes]
        return Orientation((axes[0], axes[1], axes[2]), (signs[0], signs[1], signs[2]))

    @property
    def factors(self) -> TripleMm:
        """The header's voxel size divided by the true one, along each axis as stated."""
        factor = self.spacing_factor
        return factor if isinstance(factor, tuple) else (factor, factor, factor)

    @property
    def inverse(self) -> "Fault":
        """The fault that undoes this one.

        Example:
            >>> Fault(swapped=(0, 1), spacing_factor=(2.0, 1.0, 1.0)).inverse
            Fault(mirrored=(), swapped=(0, 1), spacing_factor=(1.0, 0.5, 1.0))
        """
        back = self.orientation.inverse
        left, deep, high = (1 / factor for factor in self.factors)
        return Fault.of(back, back.of_lengths((left, deep, high)))

    @property
    def name(self) -> str:
        """The fault in words.

        Example:
            >>> Fault(mirrored=(0,)).name, Fault(swapped=(1, 2)).name, Fault(spacing_factor=(1.0, 1.0, 2.0)).name
            ('mirrored left-right', 'back-front and foot-head swapped', 'spacing x 2 foot-head')
        """
        words = [f"mirrored {AXIS_NAMES[axis]}" for axis in self.mirrored]
        if self.swapped is not None:
            words.append(_confused(self.swapped))
        if isinstance(self.spacing_factor, tuple):
            wrong = [(factor, axis) for axis, factor in enumerate(self.spacing_factor) if factor != 1]
            words += [f"spacing x {factor:g} {AXIS_NAMES[axis]}" for factor, axis in wrong]
        elif self.spacing_factor != 1:
            words.append(f"spacing x {self.spacing_factor:g}")
        return ", ".join(words) or "sound"


SOUND = Fault()
"""No fault: the header is right."""

COMMON_FAULTS = (
    *(Fault(mirrored=(axis,)) for axis in range(3)),
    *(Fault(swapped=pair) for pair in ((0, 1), (0, 2), (1, 2))),
    Fault(spacing_factor=2.0),
)
"""The faults of demonstrations: one axis mirrored, two swapped, the spacing doubled."""

ORIENTATION_FAULTS = (
    *COMMON_FAULTS[:6],
    *(fault for orientation in ORIENTATIONS[1:] for fault in [Fault.of(orientation)] if fault not in COMMON_FAULTS),
)
"""All 47 wrong orientations."""

SPACING_FAULTS = tuple(Fault(spacing_factor=factors) for factors in WRONG_SIZES)
"""A wrong voxel size on all axes, or on one."""

FAULTS = (*ORIENTATION_FAULTS, *SPACING_FAULTS)
"""Every fault that is tried and that benchmarks measure."""


def apply_fault(scan: Scan, fault: Fault) -> Scan:
    """Returns the scan as it would be read if its header had the fault: the same values, placed wrongly.

    Args:
        scan: a sound scan.
        fault: what to do to its header.

    Raises:
        InputError: axes other than 0, 1 and 2, or a factor that is not above zero.

    Example:
        >>> values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        >>> scan = Scan("a", values, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), np.eye(3), "CT", "NIfTI")
        >>> apply_fault(scan, Fault(mirrored=(0,))).voxels[0, 0, 0] == values[1, 0, 0]
        np.True_
        >>> other = apply_fault(scan, Fault(swapped=(0, 2), spacing_factor=2.0))
        >>> other.voxels.shape, other.spacing_mm
        ((4, 3, 2), (6.0, 4.0, 2.0))
    """
    _check(fault)
    voxels = np.ascontiguousarray(fault.orientation.of_array(scan.voxels))
    # The spacing belongs to the voxels and moves with them.
    moved = zip(fault.orientation.of_lengths(scan.spacing_mm), fault.factors, strict=True)
    across, deep, high = (length * factor for length, factor in moved)
    return replace(scan, voxels=voxels, spacing_mm=(across, deep, high))


def write_faulty_copies(
    source: ScanSource, faults: Iterable[Fault], folder: str | Path, selection: Selection | None = None
) -> dict[str, Fault]:
    """Writes one NIfTI copy of a scan per fault into ``folder`` and returns the fault of each file name.

    Raises:
        ScanError: the scan cannot be read.
    """
    scan = apart(source.name, source.files, read_scan, source, selection, bounds=preparing_bounds)
    stem = source.name.replace("/", "_").removesuffix(".gz").removesuffix(".nii")
    named = {f"{stem}, {fault.name}": fault for fault in faults}
    copies = {}
    for name, path in output_paths(folder, list(named), ".nii.gz").items():
        with replacing(path, ".nii.gz") as temporary:
            sitk.WriteImage(_image(apply_fault(scan, named[name])), str(temporary))
        copies[path.name] = named[name]
    return copies


def _image(scan: Scan) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(scan.voxels.transpose(2, 1, 0)))
    to_lps = np.diag(
        [-1.0, -1.0, 1.0]
    )  # SimpleITK counts mm to the left and back, the body frame to the right and front
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin((to_lps @ scan.origin_mm).tolist())
    image.SetDirection((to_lps @ scan.axes).ravel().tolist())
    return image


def _confused(axes: tuple[int, ...]) -> str:
    names = [AXIS_NAMES[axis] for axis in axes]
    if len(names) == 2:
        return f"{names[0]} and {names[1]} swapped"
    return f"{names[1]} read as {names[0]}, {names[2]} as {names[1]}, {names[0]} as {names[2]}"


def _check(fault: Fault) -> None:
    axes, swapped = (*fault.mirrored, *(fault.swapped or ())), fault.swapped or ()
    if any(axis not in (0, 1, 2) for axis in axes) or len(set(swapped)) != len(swapped) or len(swapped) == 1:
        raise InputError(
            "fault", wanted="different axes among 0, 1 and 2", got=str(axes), do="use array axes 0, 1 and 2"
        )
    if not all(0 < factor < np.inf for factor in fault.factors):
        raise InputError(
            "spacing_factor",
            wanted="a number above 0",
            got=str(fault.spacing_factor),
            do="use 2 for a header with twice the true voxel size",
        )
