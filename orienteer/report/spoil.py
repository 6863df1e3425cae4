"""Scans with a header that lies: the voxels stay, the claim about where they lie is spoiled.

For demonstrations and tests of `trust`. A fault is applied to the file, before anything is prepared, so that the model
sees what it would see in earnest: a mirrored, turned or wrongly sized body.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.types import AXIS_NAMES


@dataclass(frozen=True)
class Fault:
    """What is wrong with a header.

    Attributes:
        mirrored: array axes along which the header counts in the wrong direction.
        swapped: two array axes that the header takes for each other; nothing where none are.
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

    @property
    def kind(self) -> str:
        """``mirrored``, ``swapped``, ``spacing``, or ``sound``."""
        if self.mirrored:
            return "mirrored"
        return "swapped" if self.swapped is not None else "spacing" if self.spacing_factor != 1 else "sound"


FAULTS = (
    *(Fault(mirrored=(axis,)) for axis in range(3)),
    *(Fault(swapped=pair) for pair in ((0, 1), (0, 2), (1, 2))),
    Fault(spacing_factor=2.0),
)
"""The faults that demonstrations and benchmarks go through."""


def spoiled(scan: Scan, fault: Fault) -> Scan:
    """Returns the scan under a false claim: the same values, read as if its header had the fault.

    Args:
        scan: a sound scan.
        fault: what to do to its header.

    Raises:
        InputError: axes that are not 0, 1 or 2, or a factor that is not above zero.

    Example:
        >>> values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        >>> scan = Scan("a", values, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), np.eye(3), "CT", "NIfTI")
        >>> spoiled(scan, Fault(mirrored=(0,))).voxels[0, 0, 0] == values[1, 0, 0]
        np.True_
        >>> other = spoiled(scan, Fault(swapped=(0, 2), spacing_factor=2.0))
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
        # The spacing belongs to the voxels: it goes where they go.
        spacing_mm[first], spacing_mm[second] = spacing_mm[second], spacing_mm[first]
    across, deep, high = (length * fault.spacing_factor for length in spacing_mm)
    return replace(scan, voxels=np.ascontiguousarray(voxels), spacing_mm=(across, deep, high))


def write_spoiled(
    source: ScanSource, faults: Iterable[Fault], folder: str | Path, selection: Selection | None = None
) -> dict[str, Fault]:
    """Writes one NIfTI file per fault into ``folder`` and returns which fault each file name has.

    Raises:
        ScanError: the scan cannot be read.
    """
    scan = read_scan(source, selection)
    Path(folder).mkdir(parents=True, exist_ok=True)
    stem = source.name.replace("/", "_").removesuffix(".gz").removesuffix(".nii")
    written = {}
    for fault in faults:
        name = f"{stem}, {fault.name}.nii.gz"
        sitk.WriteImage(_image(spoiled(scan, fault)), str(Path(folder) / name))
        written[name] = fault
    return written


def _image(scan: Scan) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(scan.voxels.transpose(2, 1, 0)))
    to_lps = np.diag([-1.0, -1.0, 1.0])  # SimpleITK counts mm towards left and back, the body frame to right and front
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin((to_lps @ scan.origin_mm).tolist())
    image.SetDirection((to_lps @ scan.axes).ravel().tolist())
    return image


def _check(fault: Fault) -> None:
    axes = (*fault.mirrored, *(fault.swapped or ()))
    if any(axis not in (0, 1, 2) for axis in axes) or (fault.swapped and fault.swapped[0] == fault.swapped[1]):
        raise InputError("fault", wanted="different axes among 0, 1 and 2", got=str(axes), do="name array axes")
    if not 0 < fault.spacing_factor < np.inf:
        got = str(fault.spacing_factor)
        raise InputError(
            "spacing_factor", wanted="a number above 0", got=got, do="use 2 for voxels said twice as large"
        )
