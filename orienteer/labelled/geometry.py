"""Where the voxels of a file lie, and how labels and predictions travel between a file's grid and a prepared one."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float32, UInt8, UInt16

from orienteer.errors import ScanError
from orienteer.scans.dicom import read_slice_header
from orienteer.scans.dicom_stack import stack
from orienteer.scans.orient import LPS_TO_RAS
from orienteer.scans.source import DICOM, ScanSource
from orienteer.types import Triple, TripleMm

SAME_PLACE = 0.1
"""Share of a voxel by which the corners of an image and of its labels may differ. Headers written by different programs
differ by rounding; a label map of another image is off by whole voxels."""

FileOrder = UInt8[np.ndarray, "file2 file1 file0"] | UInt16[np.ndarray, "file2 file1 file0"]
"""Labels in the order of a file, its first axis last, as SimpleITK counts arrays."""


@dataclass(frozen=True)
class Geometry:
    """A grid of voxels in SimpleITK's words: mm towards left, back and head.

    Attributes:
        size: voxels along the file's axes.
        spacing_mm: distance between voxel middles.
        origin_lps_mm: the middle of voxel 0.
        direction_lps: column a of this 3 x 3 matrix, written row by row, is the direction of the file's axis a.
    """

    size: Triple
    spacing_mm: TripleMm
    origin_lps_mm: TripleMm
    direction_lps: tuple[float, ...]

    def corners_mm(self) -> np.ndarray:
        """Returns the middles of the eight corner voxels, ``(8, 3)``."""
        steps = np.array(self.direction_lps).reshape(3, 3) * np.array(self.spacing_mm)
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(self.size) - 1)
        return np.array(self.origin_lps_mm) + corners @ steps.T

    def image(self, values: np.ndarray) -> sitk.Image:
        """Returns values in file order, ``(file2, file1, file0)``, as an image that lies here."""
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin_lps_mm)
        image.SetDirection(self.direction_lps)
        return image


def grid_geometry(shape_vox: Triple, spacing_mm: TripleMm, origin_mm: TripleMm) -> Geometry:
    """Returns a prepared scan's grid, whose axes are those of the body frame (RAS).

    Example:
        >>> grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0)).origin_lps_mm
        (-10.0, -20.0, 30.0)
    """
    right, front, head = origin_mm
    return Geometry(shape_vox, spacing_mm, (-right, -front, head), tuple(LPS_TO_RAS.reshape(-1).tolist()))


def file_geometry(image: sitk.Image | sitk.ImageFileReader) -> Geometry:
    """Returns where an image lies, or the image of a reader that has read its header; of four axes the first three."""
    axes = len(image.GetSize())
    direction = np.reshape(image.GetDirection(), (axes, axes))[:3, :3]
    size0, size1, size2 = image.GetSize()[:3]
    step0, step1, step2 = image.GetSpacing()[:3]
    place0, place1, place2 = image.GetOrigin()[:3]
    turned = tuple(direction.reshape(-1).tolist())
    return Geometry((size0, size1, size2), (step0, step1, step2), (place0, place1, place2), turned)


def source_geometry(source: ScanSource) -> Geometry:
    """Returns where a scan's voxels lie in its own file or series. Reads headers only.

    Raises:
        ScanError: a header that cannot be read.
    """
    if source.format == DICOM:
        slices = [read_slice_header(path) for path in source.files]
        series = stack(source.name, tuple(item for item in slices if item is not None))
        direction = tuple(np.asarray(series.direction_lps).reshape(-1).tolist())
        return Geometry(series.shape_vox, series.spacing_mm, series.origin_lps_mm, direction)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(source.files[0]))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(source.name, error) from None
    return file_geometry(reader)


def differs(labels: Geometry, image: Geometry) -> str | None:
    """Returns in what a label map's geometry differs from its image's, in words; None where it is the same.

    Example:
        >>> image = grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 20.0, 30.0))
        >>> differs(grid_geometry((4, 5, 6), (1.0, 1.0, 2.0), (10.0, 25.0, 30.0)), image)
        'up to 5 mm away'
    """
    if labels.size != image.size:
        return f"{_by(labels.size)} voxels where the image has {_by(image.size)}"
    apart = float(np.linalg.norm(labels.corners_mm() - image.corners_mm(), axis=1).max())
    if apart > SAME_PLACE * min(image.spacing_mm):
        return f"up to {apart:.3g} mm away"
    return None


def labels_on_grid(
    indices: UInt8[np.ndarray, "file2 file1 file0"], classes: int, own: Geometry, grid: Geometry
) -> UInt8[np.ndarray, "size0 size1 size2"]:
    """Returns a label map on a prepared grid: each class interpolated linearly, and the strongest one taken.

    Args:
        indices: class numbers 0, 1, ... in file order.
        classes: how many there are.
        own: where the label map lies.
        grid: where it is wanted.
    """

    def channel(number: int) -> sitk.Image:
        return own.image((indices == number).astype(np.float32))

    strongest = _strongest((_resampled(channel(number), grid, float(number == 0)) for number in range(classes)), grid)
    return np.ascontiguousarray(strongest.transpose(2, 1, 0))


def probabilities_on_file(
    probabilities: Float32[np.ndarray, "classes size0 size1 size2"], grid: Geometry, own: Geometry
) -> UInt8[np.ndarray, "file2 file1 file0"]:
    """Returns the strongest class of every voxel of a file, from probabilities on a prepared grid.

    What lies outside the grid is background.
    """

    def channel(number: int) -> sitk.Image:
        return grid.image(probabilities[number].transpose(2, 1, 0))

    return _strongest(
        (_resampled(channel(number), own, float(number == 0)) for number in range(len(probabilities))), own
    )


def _resampled(channel: sitk.Image, onto: Geometry, outside: float) -> np.ndarray:
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(onto.size)
    resampler.SetOutputSpacing(onto.spacing_mm)
    resampler.SetOutputOrigin(onto.origin_lps_mm)
    resampler.SetOutputDirection(onto.direction_lps)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    return sitk.GetArrayFromImage(resampler.Execute(channel))


def _strongest(channels: Iterable[np.ndarray], onto: Geometry) -> np.ndarray:
    """Keeps the best class so far, so that memory holds two channels however many classes there are."""
    best = np.full(onto.size[::-1], -np.inf, np.float32)
    chosen = np.zeros(onto.size[::-1], np.uint8)
    for number, channel in enumerate(channels):
        better = channel > best
        best[better] = channel[better]
        chosen[better] = number
    return chosen


def _by(values: tuple[int, ...]) -> str:
    return " x ".join(str(value) for value in values)


def _unreadable(name: str, error: RuntimeError) -> ScanError:
    last = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
    return ScanError(name, step="read", wanted="a whole file", got=last[-120:], do="copy or download it again")
