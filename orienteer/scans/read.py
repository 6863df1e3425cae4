"""Reads one scan of any format into the body frame: RAS axis order, mm, values as the file gives them.

SimpleITK reads all formats. Errors that it accepts silently are checked here and in raw_header, and its long messages
are shortened. A scan that cannot be used raises ScanError, and the caller continues with the next one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float, Float32

from orienteer.errors import ScanError
from orienteer.files import readable
from orienteer.scans.compressed import check_compressed
from orienteer.scans.dicom import read_slice_header
from orienteer.scans.dicom_stack import Stack, stack
from orienteer.scans.memory import check_size
from orienteer.scans.modality import guess_modality
from orienteer.scans.orient import Frame, Turn, turn_to_ras
from orienteer.scans.raw_header import check_raw_header, check_whole, refuse_not_finite
from orienteer.scans.refuse import quiet_itk, refuse
from orienteer.scans.source import (
    DICOM,
    METAIMAGE,
    NIFTI,
    NRRD,
    Scan,
    ScanHeader,
    ScanSource,
    Selection,
)
from orienteer.types import TripleMm

DIRECTION_TOLERANCE = 1e-3
"""How far three directions may deviate from right angles and length one. Headers written with four digits stay below."""


@runtime_checkable
class _Geometry(Protocol):
    """An image, or a reader that has read its header."""

    def GetSize(self) -> tuple[int, ...]: ...
    def GetSpacing(self) -> tuple[float, ...]: ...
    def GetOrigin(self) -> tuple[float, ...]: ...
    def GetDirection(self) -> tuple[float, ...]: ...


_IMAGE_IO = {NIFTI: "NiftiImageIO", NRRD: "NrrdImageIO", METAIMAGE: "MetaImageIO"}


def read_scan(source: ScanSource, selection: Selection | None = None) -> Scan:
    """Returns one scan with its axes permuted and flipped to RAS, values unchanged (HU for CT), nothing resampled.

    Args:
        source: the files to read; see ``discover``.
        selection: the frame of 4D scans and the modality, where the user chose them.

    Raises:
        ScanError: the scan cannot be used (step ``read``): damaged, not 3D, in colour, with impossible spacings or
            directions, with missing slices, with values that are not finite, or constant.

    Example:
        >>> import tempfile
        >>> import numpy as np, SimpleITK as sitk
        >>> from orienteer.scans.discover import discover
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
        ...     sitk.WriteImage(image, f"{folder}/a.nii.gz")
        ...     scan = read_scan(discover(folder).sources[0])
        >>> scan.voxels.shape, scan.origin_mm, scan.modality
        ((4, 3, 2), (-3.0, -2.0, 0.0), 'MR')
    """
    selection = selection or Selection()
    with _failures_in_words(source):
        if source.format == DICOM:
            image, modality = _read_dicom(source)
        else:
            image, modality = _read_file(source, selection), None
        turn, frame = _frame(image)
        voxels = _voxels(image, turn)
    _check_values(source.name, voxels)
    modality = modality if selection.modality == "auto" else selection.modality
    return Scan(
        name=source.name,
        voxels=voxels,
        spacing_mm=frame.spacing_mm,
        origin_mm=frame.origin_mm,
        axes=frame.axes,
        modality=modality or guess_modality(voxels),
        format=source.format,
    )


def header(source: ScanSource, selection: Selection | None = None) -> ScanHeader:
    """Returns size, spacing and extent of a scan from its header alone, in the axis order that ``read_scan`` gives.

    Raises:
        ScanError: the header shows that the scan cannot be used (step ``read``).
    """
    selection = selection or Selection()
    with _failures_in_words(source):
        if source.format == DICOM:
            series, modality = _dicom_stack(source)
            _, frame = turn_to_ras(series.shape_vox, series.spacing_mm, series.origin_lps_mm, series.direction_lps)
        else:
            _, frame = _frame(_file_reader(source, selection))
            modality = None
    across, deep, high = (size * step for size, step in zip(frame.shape_vox, frame.spacing_mm, strict=True))
    modality = modality if selection.modality == "auto" else selection.modality
    return ScanHeader(source.name, source.format, frame.shape_vox, frame.spacing_mm, (across, deep, high), modality)


def _read_file(source: ScanSource, selection: Selection) -> sitk.Image:
    reader = _file_reader(source, selection)
    check_whole(source.name, source.files[0], source.format)
    check_compressed(source.name, source.files[0], source.format)
    size = reader.GetSize()
    if len(size) == 4:
        reader.SetExtractIndex([0, 0, 0, _chosen_frame(source, selection, size[3])])
        reader.SetExtractSize([*size[:3], 0])
    image: sitk.Image = reader.Execute()
    return image


def _file_reader(source: ScanSource, selection: Selection) -> sitk.ImageFileReader:
    """Returns a reader that has read the header of a scan; refuses a scan whose header shows that it cannot be used."""
    path = source.files[0]
    check_raw_header(source.name, path, source.format)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IMAGE_IO[source.format])
    reader.SetFileName(readable(path))
    reader.ReadImageInformation()
    size = reader.GetSize()
    if len(size) > 4:
        refuse(source.name, "a 3D scan", f"{len(size)} dimensions {size}", "save each 3D scan in a file of its own")
    if len(size) < 3 or min(size[:3]) < 2:
        refuse(source.name, "a 3D scan", f"a 2D image or a single slice, {size} voxels", "leave it out with --exclude")
    if len(size) == 4:
        _chosen_frame(source, selection, size[3])
    _check_pixels(source, reader.GetPixelIDValue(), reader.GetNumberOfComponents())
    check_size(source.name, size[:3], reader.GetSpacing()[:3], step="read")
    return reader


def _chosen_frame(source: ScanSource, selection: Selection, frames: int) -> int:
    chosen = source.frame if source.frame is not None else selection.frame
    if chosen is None and frames == 1:
        return 0
    if chosen is None:
        refuse(
            source.name, "a 3D scan", f"a 4D one with {frames} frames", f"choose one with --frame K, 0 to {frames - 1}"
        )
    if not 0 <= chosen < frames:
        refuse(source.name, f"a frame from 0 to {frames - 1}", f"--frame {chosen}", "choose another with --frame")
    return chosen


def _read_dicom(source: ScanSource) -> tuple[sitk.Image, str | None]:
    series, modality = _dicom_stack(source)
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([readable(path) for path in series.files])
    image = reader.Execute()
    _check_pixels(source, image.GetPixelIDValue(), image.GetNumberOfComponentsPerPixel())
    # The reader takes spacing and direction from a few slices; these are from all slices, and checked.
    image.SetSpacing(series.spacing_mm)
    image.SetOrigin(series.origin_lps_mm)
    image.SetDirection(series.direction_lps.ravel().tolist())
    return image, modality


def _dicom_stack(source: ScanSource) -> tuple[Stack, str | None]:
    slices = [read_slice_header(path) for path in source.files]
    known = tuple(item for item in slices if item is not None)
    if len(known) < len(slices):
        got = f"{len(slices) - len(known)} of {len(slices)} files that are no slices"
        refuse(source.name, "DICOM slices", got, "copy the series again")
    modality = known[0].modality
    return stack(source.name, known), modality if modality in ("CT", "MR") else None


def _frame(image: _Geometry) -> tuple[Turn, Frame]:
    """Returns how to turn an image, or a reader that has read its header; of four axes the first three."""
    dimensions = len(image.GetSize())
    width, depth, height = image.GetSize()[:3]
    step0, step1, step2 = image.GetSpacing()[:3]
    place0, place1, place2 = image.GetOrigin()[:3]
    direction = np.reshape(image.GetDirection(), (dimensions, dimensions))[:3, :3]
    _check_geometry((step0, step1, step2), direction)
    return turn_to_ras((width, depth, height), (step0, step1, step2), (place0, place1, place2), direction)


def _voxels(image: sitk.Image, turn: Turn) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns the values in RAS order, copied once from SimpleITK's (z, y, x) buffer."""
    values = sitk.GetArrayViewFromImage(image).transpose(2, 1, 0)
    return np.ascontiguousarray(turn.apply(values), dtype=np.float32)


def _check_pixels(source: ScanSource, pixel_id: int, components: int) -> None:
    kind = sitk.GetPixelIDValueAsString(pixel_id)
    if components != 1 or "complex" in kind or "vector" in kind:
        refuse(source.name, "one real value per voxel", f"{components} of {kind} (colour, vectors or complex numbers)",
                "leave it out with --exclude, or save one channel as a scan")  # fmt: skip


def _check_geometry(spacing_mm: TripleMm, direction: Float[np.ndarray, "3 3"]) -> None:
    if not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise _Unusable("voxel spacings above zero", f"{spacing_mm} mm", "correct the header")
    skew = np.abs(direction.T @ direction - np.eye(3)).max()
    if not skew <= DIRECTION_TOLERANCE:
        raise _Unusable(
            "axis directions at right angles and of length one",
            f"directions that deviate by {skew:.2g}",
            "resample the scan to a rectangular grid",
        )


def _check_values(name: str, voxels: Float32[np.ndarray, "size0 size1 size2"]) -> None:
    finite = np.isfinite(voxels)
    if not finite.all():
        refuse_not_finite(name, voxels.size - int(np.count_nonzero(finite)), voxels.size)
    if voxels.min() == voxels.max():
        refuse(name, "an image", f"{voxels.flat[0]:g} in every voxel", "check how the file was written")


class _Unusable(Exception):
    """Wanted, got, do: raised where the name of the scan is not known."""


@contextmanager
def _failures_in_words(source: ScanSource) -> Iterator[None]:
    """Turns errors of the file system and of SimpleITK into one short ScanError, and suppresses ITK's warnings."""
    try:
        with quiet_itk():
            yield
    except ScanError:
        raise
    except _Unusable as error:
        wanted, got, do = error.args
        raise ScanError(source.name, step="read", wanted=wanted, got=got, do=do) from None
    except PermissionError:
        refuse(source.name, "a readable file", "permission denied", "change its permissions (chmod +r)")
    except OSError as error:
        refuse(source.name, "a file that can be opened", error.strerror or str(error), "check that it is still there")
    except RuntimeError as error:
        wanted, got, do = _reader_complaint(source.format, str(error))
        raise ScanError(source.name, step="read", wanted=wanted, got=got, do=do) from None


def _reader_complaint(file_format: str, message: str) -> tuple[str, str, str]:
    """Returns wanted, got and do for the long message of an ITK exception. If ITK's texts change, the last case still holds."""
    if "orthonormal" in message or "determinant" in message:
        return (
            "axis directions at right angles and of length one",
            "a header with skewed or missing directions",
            "resample the scan to a rectangular grid",
        )
    if "Zero-valued spacing" in message or "Negative spacing" in message:
        return "voxel spacings above zero", "a spacing of zero or less", "correct the header"
    last = [line.strip() for line in message.splitlines() if line.strip()][-1]
    short = re.sub(r"^.*ERROR:\s*|\S*\(0x[0-9a-f]+\):\s*", "", last)[:120]
    return f"a whole {file_format} file", f"one that cannot be read ({short})", "copy or download it again"
