"""Prepares one scan: read, resampled along the body's axes, cropped to the body, normalised."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16

from orienteer.errors import InputError, ScanError
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.body import BodyMap, body_map, body_mask, bounding_box
from orienteer.scans.label_maps import MOST_LABELS, are_labels, whole_numbers
from orienteer.scans.normalise import check_contrast, check_range, intensity_range, to_stored
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import read_scan
from orienteer.scans.refuse import refuse
from orienteer.scans.resample import Gridded, onto_grid
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.types import TripleMm


@dataclass(frozen=True)
class PreparedArrays:
    """A scan in the form of the store.

    Attributes:
        name: its path in the folder of scans.
        voxels: normalised values times 1000.
        origin_mm: position of the centre of voxel 0 in the body frame.
        value_range: the values of the scan that became -1 and 1.
        warnings: what is odd about its file and how it was decided, if anything.
    """

    name: str
    voxels: Int16[np.ndarray, "size0 size1 size2"]
    body: BodyMap
    spacing_mm: TripleMm
    origin_mm: TripleMm
    modality: str
    format: str
    value_range: tuple[float, float]
    warnings: tuple[str, ...] = ()


def prepare_scan(source: ScanSource, selection: Selection, preparation: Preparation) -> PreparedArrays:
    """Returns one scan after reading, resampling along the body's axes, cropping to the body and normalising.

    Raises:
        ScanError: the scan cannot be used; ``step`` names where it failed.
        InputError: the preparation has no spacing yet.

    Example:
        >>> import tempfile
        >>> import SimpleITK as sitk
        >>> from orienteer.scans.discover import discover
        >>> values = np.random.default_rng(0).integers(-100, 100, (20, 30, 40)).astype(np.int16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sitk.WriteImage(sitk.GetImageFromArray(values), f"{folder}/a.nii.gz")
        ...     source = discover(folder).sources[0]
        ...     arrays = prepare_scan(source, Selection(modality="CT"), Preparation((2.0, 2.0, 2.0)))
        >>> arrays.voxels.shape, arrays.voxels.dtype
        ((20, 15, 10), dtype('int16'))
    """
    return prepare_read(_read(source, selection), preparation)


def prepare_read(scan: Scan, preparation: Preparation) -> PreparedArrays:
    """Returns a scan that is in memory already, prepared as by `prepare_scan`.

    Raises:
        ScanError: the scan cannot be used; ``step`` names where it failed.
        InputError: the preparation has no spacing yet.
    """
    name, spacing_mm = scan.name, preparation.spacing()
    with scan_step(name, "read"):
        _refuse_labels(name, scan.voxels)
    with scan_step(name, "resample"):
        grid = onto_grid(scan, spacing_mm)
        modality, file_format, warnings = scan.modality, scan.format, scan.warnings
        del scan  # the largest array in memory, no longer needed
        _refuse_non_finite(name, grid.voxels)
    with scan_step(name, "crop"):
        mask = body_mask(grid.voxels, modality, grid.spacing_mm, grid.inside)
        _refuse_no_body(name, mask, modality)
        box = _crop(mask, preparation)
        blocks = body_map(mask[box], None if grid.inside is None else grid.inside[box])
    with scan_step(name, "normalise"):
        low, high = intensity_range(
            grid.voxels[box], mask[box], modality, preparation.ct_window_hu, preparation.mr_percentiles
        )
        del mask
        check_range(name, low, high)
        stored = to_stored(grid.voxels[box], low, high)
        check_contrast(name, stored)
    return PreparedArrays(
        name=name,
        voxels=stored,
        body=blocks,
        spacing_mm=grid.spacing_mm,
        origin_mm=_corner_mm(grid, box),
        modality=modality,
        format=file_format,
        value_range=(low, high),
        warnings=warnings,
    )


def _read(source: ScanSource, selection: Selection) -> Scan:
    with scan_step(source.name, "read"):
        return read_scan(source, selection)


def prepare_scan_apart(source: ScanSource, selection: Selection, preparation: Preparation) -> PreparedArrays:
    """Returns the same as `prepare_scan`, made in a process that a damaged file may crash.

    Raises:
        ScanError: the scan cannot be used.
    """
    files = (*source.files, *source.companions)
    return apart(source.name, files, prepare_scan, source, selection, preparation, bounds=preparing_bounds)


@contextmanager
def scan_step(
    name: str, step: str, do: str = "open the scan in a viewer; if it looks right there, report this"
) -> Iterator[None]:
    """Turns any error within into a `ScanError` that names the scan and the step.

    Args:
        name: of the scan.
        step: see `ScanError`.
        do: what to do about an unexpected error.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        less = "use fewer workers or a coarser spacing_mm"
        wanted = "room for a few copies of the scan"
        raise ScanError(name, step=step, wanted=wanted, got="no memory left", do=less) from error
    except Exception as error:
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ScanError(name, step=step, wanted="a scan that can be processed", got=got, do=do) from error


def _refuse_labels(name: str, voxels: Float32[np.ndarray, "size0 size1 size2"]) -> None:
    """Refuses label maps saved as floats. Files of integers are checked when a folder is searched for scans."""
    step = max(1, int((voxels.size / 100_000) ** (1 / 3)))
    sample = whole_numbers(voxels[::step, ::step, ::step])
    sample = None if sample is None else np.unique(sample)
    if sample is not None and sample.size <= MOST_LABELS and are_labels(voxels):
        got = f"few whole values in even patches ({sample.size} different ones), as in a label map"
        refuse(name, "a scan", got, "leave it out with --exclude")


def _refuse_non_finite(name: str, voxels: Float32[np.ndarray, "size0 size1 size2"]) -> None:
    if not np.isfinite(voxels.sum(dtype=np.float64)):  # a single NaN or Inf makes the sum one; no second array needed
        do = "find out which software wrote the scan, and export it again"
        refuse(name, "finite values", "NaN or Inf in some voxels", do, step="resample")


def _refuse_no_body(name: str, mask: np.ndarray, modality: str) -> None:
    if not mask.any():
        got = "no voxel above -500 HU" if modality == "CT" else "no voxel brighter than the background"
        do = "look at the scan in a viewer; if it is an MR that was mistaken for a CT, use --modality MR"
        refuse(name, "a body in the scan", got, do, step="crop")


def _crop(mask: np.ndarray, preparation: Preparation) -> tuple[slice, slice, slice]:
    if not preparation.crop_to_body:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2])
    margin0, margin1, margin2 = (int(np.ceil(preparation.margin_mm / length)) for length in preparation.spacing())
    return bounding_box(mask, (margin0, margin1, margin2))


def _corner_mm(grid: Gridded, box: tuple[slice, slice, slice]) -> TripleMm:
    x, y, z = (
        origin + cut.start * length for origin, cut, length in zip(grid.origin_mm, box, grid.spacing_mm, strict=True)
    )
    return x, y, z
