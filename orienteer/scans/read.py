"""Reads one scan of any format into the body frame: RAS axis order, mm, values as the file gives them.

SimpleITK reads all formats. Errors that it accepts silently are checked here, in raw_header and in whole_file, and its
long messages are shortened. A scan that cannot be used raises ScanError, and the caller continues with the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float, Float32

from orienteer.scans.dicom import NotASlice, SliceHeader
from orienteer.scans.dicom_frames import read_slice_headers
from orienteer.scans.dicom_pixels import read_slices
from orienteer.scans.dicom_stack import Stack, mixtures, stack
from orienteer.scans.file_content import image_reader
from orienteer.scans.memory import bounded_reading, check_size
from orienteer.scans.modality import check_hounsfield, guess_modality
from orienteer.scans.nifti_header import read_nifti_header
from orienteer.scans.orient import Frame, Turn, turn_to_ras
from orienteer.scans.raw_header import check_raw_header
from orienteer.scans.reading_errors import Unusable, failures_in_words
from orienteer.scans.refuse import refuse
from orienteer.scans.source import DICOM, NIFTI, Scan, ScanHeader, ScanSource, Selection
from orienteer.scans.whole_file import check_whole, refuse_not_finite
from orienteer.types import Triple, TripleMm

DIRECTION_TOLERANCE = 1e-3
"""How far three directions may deviate from right angles and length one. Headers written with four digits stay below."""

FARTHEST_MM = 1e5
"""A scan further away than this from the origin has a damaged header."""

VOXEL_MM = (0.005, 50.0)
"""The edges of a voxel lie between these: from micro-CT to the coarsest slices."""

EXTENT_MM = (1.0, 5000.0)
"""The longest edge of a scan lies between these, or its lengths are in another unit than the header says."""


LEAST_STEPS = 1000
"""Steps of float32 within the range of a scan's values. In whole numbers up to 16 million every step is exact."""

NO_SERIES = "slices without a SeriesInstanceUID: those of one folder are taken as one series"


class FileGrid(NamedTuple):
    """Where the voxels of a file lie, in the order of its own axes, in SimpleITK's frame (left, back, head)."""

    shape_vox: Triple
    spacing_mm: TripleMm
    origin_lps_mm: TripleMm
    direction_lps: Float[np.ndarray, "3 3"]
    warnings: tuple[str, ...] = ()


def read_scan(source: ScanSource, selection: Selection | None = None) -> Scan:
    """Returns one scan with its axes permuted and flipped to RAS, values unchanged (HU for CT), nothing resampled.

    Args:
        source: the files to read; see ``discover``.
        selection: the frame of 4D scans and the modality, where the user chose them.

    Raises:
        ScanError: the scan cannot be used (step ``read``): damaged, not 3D, in colour, with impossible spacings or
            directions, with missing slices, with values that are not finite, constant, or no HU in a CT.

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
    with failures_in_words(source):
        if source.format == DICOM:
            series = series_stack(source)
            grid, modality = _series_grid(series), _modality(selection, series)
            turn, frame = _frame(grid)  # refuses what cannot be before memory is taken for it
            values, notes = read_slices(source.name, series.slices, modality)
        else:
            modality = _modality(selection, None)
            with _file_reader(source, selection) as (reader, grid):
                turn, frame = _frame(grid)
                notes = check_whole(source.name, source.files[0], source.format)
                with bounded_reading(reader.GetSize(), (*source.files, *source.companions)):
                    image = _executed(reader, source, selection)  # kept: the view below does not keep it alive
                values = sitk.GetArrayViewFromImage(image)
        _check_float32(source.name, values, computed=_computed(source))
        # SimpleITK's buffer is (z, y, x).
        voxels = np.ascontiguousarray(turn.apply(values.transpose(2, 1, 0)), dtype=np.float32)
    _check_values(source.name, voxels)
    modality = modality or guess_modality(voxels)
    return Scan(
        name=source.name,
        voxels=voxels,
        spacing_mm=frame.spacing_mm,
        origin_mm=frame.origin_mm,
        axes=frame.axes,
        modality=modality,
        format=source.format,
        warnings=(*grid.warnings, *notes, *check_hounsfield(source.name, voxels, modality)),
    )


def header(source: ScanSource, selection: Selection | None = None) -> ScanHeader:
    """Returns size, spacing and extent of a scan from its header alone, in the axis order that ``read_scan`` gives.

    Raises:
        ScanError: the header shows that the scan cannot be used (step ``read``).
    """
    selection = selection or Selection()
    with failures_in_words(source):
        if source.format == DICOM:
            series = series_stack(source)
            grid, modality = _series_grid(series), _modality(selection, series)
        else:
            modality = _modality(selection, None)
            with _file_reader(source, selection) as (_, grid):
                pass
        _, frame = _frame(grid)
    across, deep, high = (size * step for size, step in zip(frame.shape_vox, frame.spacing_mm, strict=True))
    extent_mm = (across, deep, high)
    return ScanHeader(source.name, source.format, frame.shape_vox, frame.spacing_mm, extent_mm, modality, grid.warnings)


def file_grid(source: ScanSource) -> FileGrid:
    """Returns where the voxels of a scan's own file or series lie, from its header alone; of a 4D scan those of any frame.

    Raises:
        ScanError: the header shows that the scan cannot be used (step ``read``).
    """
    with failures_in_words(source):
        if source.format == DICOM:
            return _series_grid(series_stack(source))
        with _file_reader(source, Selection(frame=0)) as (_, grid):
            return grid


def _modality(selection: Selection, series: Stack | None) -> str | None:
    """Returns the modality that the user or the header names; None if neither does."""
    if selection.modality != "auto":
        return selection.modality
    named = series.slices[0].modality if series is not None else None
    return named if named in ("CT", "MR") else None


@contextmanager
def _file_reader(source: ScanSource, selection: Selection) -> Iterator[tuple[sitk.ImageFileReader, FileGrid]]:
    """Gives a reader that has read the header of a scan; refuses a scan whose header shows that it cannot be used."""
    path = source.files[0]
    notes = check_raw_header(source.name, path, source.format)
    with image_reader(path, source.format) as reader:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if len(size) > 4:
            got, do = f"{len(size)} dimensions {size}", "save each 3D scan in a file of its own"
            refuse(source.name, "a 3D scan", got, do)
        if len(size) < 3 or min(size[:3]) < 2:
            got = f"a 2D image or a single slice, {size} voxels"
            refuse(source.name, "a 3D scan", got, "leave it out with --exclude")
        if len(size) == 4:
            _chosen_frame(source, selection, size[3])
        _check_pixels(source, reader.GetPixelIDValue(), reader.GetNumberOfComponents())
        check_size(source.name, size[:3], step="read")
        yield reader, _file_grid(reader, notes)


def _file_grid(reader: sitk.ImageFileReader, notes: tuple[str, ...]) -> FileGrid:
    """Returns the grid of a file whose header was read; of four axes the first three."""
    axes = len(reader.GetSize())
    width, depth, height = reader.GetSize()[:3]
    step0, step1, step2 = reader.GetSpacing()[:3]
    left, back, head = reader.GetOrigin()[:3]
    direction = np.reshape(reader.GetDirection(), (axes, axes))[:3, :3]
    return FileGrid((width, depth, height), (step0, step1, step2), (left, back, head), direction, notes)


def _executed(reader: sitk.ImageFileReader, source: ScanSource, selection: Selection) -> sitk.Image:
    size = reader.GetSize()
    if len(size) == 4:
        reader.SetExtractIndex([0, 0, 0, _chosen_frame(source, selection, size[3])])
        reader.SetExtractSize([*size[:3], 0])
    image: sitk.Image = reader.Execute()
    return image


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


def series_stack(source: ScanSource) -> Stack:
    """Returns the slices of a DICOM series in order, and where their voxels lie, from the headers alone.

    Raises:
        ScanError: files that are no slices, or slices that form no even stack (step ``read``).
    """
    slices: list[SliceHeader] = []
    reasons = []
    for path in source.files:
        items = read_slice_headers(path)
        if isinstance(items, NotASlice):
            reasons.append(f"{path.name}: {items.reason}")
        else:
            slices.extend(items)
    if reasons:
        got = f"{len(reasons)} of {len(source.files)} files that are no slices, {reasons[0]}"
        refuse(source.name, "DICOM slices", got, "copy the series again")
    series = stack(source.name, tuple(slices))
    check_size(source.name, series.shape_vox, step="read")
    return series


def _series_grid(series: Stack) -> FileGrid:
    notes = (*(() if series.slices[0].series else (NO_SERIES,)), *mixtures(series.slices))
    return FileGrid(series.shape_vox, series.spacing_mm, series.origin_lps_mm, series.direction_lps, notes)


def _frame(grid: FileGrid) -> tuple[Turn, Frame]:
    """Returns how to turn the voxels of a file to RAS, and where they lie then; refuses a grid that cannot be."""
    spacing_mm, direction = grid.spacing_mm, grid.direction_lps
    if not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise Unusable("voxel spacings above zero", f"{spacing_mm} mm", "correct the header")
    skew = np.abs(direction.T @ direction - np.eye(3)).max()
    if not skew <= DIRECTION_TOLERANCE:
        wanted, got = "axis directions at right angles and of length one", f"directions that deviate by {skew:.2g}"
        raise Unusable(wanted, got, "resample the scan to a rectangular grid")
    if not max(abs(place) for place in grid.origin_lps_mm) <= FARTHEST_MM:
        got = f"an origin at {grid.origin_lps_mm} mm"
        raise Unusable("a position within 100 m", got, "correct the header")
    edges = [size * step for size, step in zip(grid.shape_vox, spacing_mm, strict=True)]
    if not EXTENT_MM[0] <= max(edges) <= EXTENT_MM[1]:
        got = " x ".join(f"{edge:.4g}" for edge in edges) + " mm"
        do = "correct the voxel size or its unit in the header"
        raise Unusable(f"a scan with a longest edge of {EXTENT_MM[0]:g} to {EXTENT_MM[1]:g} mm", got, do)
    if not all(VOXEL_MM[0] <= step <= VOXEL_MM[1] for step in spacing_mm):
        got, do = (
            " x ".join(f"{step:.4g}" for step in spacing_mm) + " mm",
            "correct the voxel size or its unit in the header",
        )
        raise Unusable(f"voxels with edges of {VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm", got, do)
    return turn_to_ras(grid.shape_vox, spacing_mm, grid.origin_lps_mm, direction)


def _check_pixels(source: ScanSource, pixel_id: int, components: int) -> None:
    kind = sitk.GetPixelIDValueAsString(pixel_id)
    if components != 1 or "complex" in kind or "vector" in kind:
        refuse(source.name, "one real value per voxel", f"{components} of {kind} (colour, vectors or complex numbers)",
                "leave it out with --exclude, or save one channel as a scan")  # fmt: skip


def _computed(source: ScanSource) -> bool:
    """Returns whether the values of a scan are computed from those stored, which may have more digits than float32."""
    return source.format == DICOM or (source.format == NIFTI and read_nifti_header(source.name, source.files[0]).scaled)


def _check_float32(name: str, values: np.ndarray, computed: bool) -> None:
    """Refuses values that are too large, or too close to each other for their size, to be kept in float32.

    Args:
        computed: whether values in float32 are not those of the file, but were computed from others.
    """
    if values.dtype.kind not in "iuf" or values.dtype.itemsize < 4 or (values.dtype == np.float32 and not computed):
        return
    low, high = values.min(), values.max()
    largest = max(abs(float(low)), abs(float(high)))
    if not np.isfinite(largest):
        return  # named with their number
    span = float(high) - float(low) if values.dtype.kind == "f" else float(int(high) - int(low))
    if largest > float(np.finfo(np.float32).max) or 0 < span < LEAST_STEPS * float(np.spacing(np.float32(largest))):
        do = "subtract or divide, so that the values are of a usual size, and save the file again"
        refuse(name, "values whose differences float32 can keep", f"values from {low:.10g} to {high:.10g}", do)


def _check_values(name: str, voxels: Float32[np.ndarray, "size0 size1 size2"]) -> None:
    finite = np.isfinite(voxels)
    if not finite.all():
        refuse_not_finite(name, voxels.size - int(np.count_nonzero(finite)), voxels.size)
    if voxels.min() == voxels.max():
        refuse(name, "an image", f"{voxels.flat[0]:g} in every voxel", "check how the file was written")
