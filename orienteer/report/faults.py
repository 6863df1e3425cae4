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
from orienteer.output_names import output_paths
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.types import AXIS_NAMES


@dataclass(frozen=True)
class Fault:
    """What is wrong with a header.

    Attributes:
        mirrored: array axes that the header counts in the wrong direction.
        swapped: two array axes that the header confuses; None if there are none.
        spacing_factor: the header's voxel size divided by the true one.
    """

    mirrored: tuple[int, ...] = ()
    swapped: tuple[int, int] | None = None
    spacing_factor: float = 1.0

    @property
    def name(self) -> str:
        """The fault in words.

        Example:
            >>> Fault(mirrored=(0,)).name, Fault(swapped=(1, 2)).name, Fault(spacing_factor=2.0).name
            ('mirrored left-right', 'back-front and foot-head swapped', 'spacing x 2')
        """
        words = [f"mirrored {AXIS_NAMES[axis]}" for axis in self.mirrored]
        if self.swapped is not None:
            words.append(" and ".join(AXIS_NAMES[axis] for axis in self.swapped) + " swapped")
        if self.spacing_factor != 1:
            words.append(f"spacing x {self.spacing_factor:g}")
        return ", ".join(words) or "sound"


SOUND = Fault()
"""No fault: the header is right."""

FAULTS = (
    *(Fault(mirrored=(axis,)) for axis in range(3)),
    *(Fault(swapped=pair) for pair in ((0, 1), (0, 2), (1, 2))),
    Fault(spacing_factor=2.0),
)
"""The faults of demonstrations and benchmarks."""


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
    voxels, spacing_mm = scan.voxels, list(scan.spacing_mm)
    if fault.mirrored:
        voxels = np.flip(voxels, fault.mirrored)
    if fault.swapped is not None:
        first, second = fault.swapped
        voxels = np.swapaxes(voxels, first, second)
        # The spacing belongs to the voxels and is swapped with them.
        spacing_mm[first], spacing_mm[second] = spacing_mm[second], spacing_mm[first]
    across, deep, high = (length * fault.spacing_factor for length in spacing_mm)
    return replace(scan, voxels=np.ascontiguousarray(voxels), spacing_mm=(across, deep, high))


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


def _check(fault: Fault) -> None:
    axes = (*fault.mirrored, *(fault.swapped or ()))
    if any(axis not in (0, 1, 2) for axis in axes) or (fault.swapped and fault.swapped[0] == fault.swapped[1]):
        raise InputError(
            "fault", wanted="different axes among 0, 1 and 2", got=str(axes), do="use array axes 0, 1 and 2"
        )
    if not 0 < fault.spacing_factor < np.inf:
        raise InputError(
            "spacing_factor",
            wanted="a number above 0",
            got=str(fault.spacing_factor),
            do="use 2 for a header with twice the true voxel size",
        )
