"""Faults as they occur in collections, planted in sound scans: for `benchmarks.audit` and its calibration."""

import locale
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter, zoom

from orienteer.scans.orient import LPS_TO_RAS
from orienteer.scans.source import Scan

Planted = Callable[[Scan, np.random.Generator], Scan]


def _values(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Planted:
    def planted(scan: Scan, rng: np.random.Generator) -> Scan:
        return replace(scan, voxels=np.ascontiguousarray(change(scan.voxels, rng), dtype=np.float32))

    return planted


def clipped(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values above those of one voxel in fifty are cut off."""
    return np.minimum(values, np.quantile(values, rng.uniform(0.96, 0.985)))


def baked(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A CT through a window for soft tissue, in 256 grey values."""
    low, high = rng.uniform(-200, -130), rng.uniform(200, 260)
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)


def emptied(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first two fifths to three fifths of the slices are lost."""
    changed = values.copy()
    changed[:, :, : int(values.shape[2] * rng.uniform(0.4, 0.6))] = values.min()
    return changed


def repeated(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A few slices are those before."""
    start = int(values.shape[2] * rng.uniform(0.3, 0.6))
    changed = values.copy()
    changed[:, :, start : start + 4] = values[:, :, start - 1 : start]
    return changed


def exchanged(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A stretch of slices runs the other way."""
    start, length = int(values.shape[2] * rng.uniform(0.3, 0.5)), int(rng.integers(4, 10))
    order = np.arange(values.shape[2])
    order[start : start + length] = order[start : start + length][::-1]
    return values[:, :, order]


def interleaved(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The even slices first, then the odd ones: as scanners acquire them."""
    order = [*range(0, values.shape[2], 2), *range(1, values.shape[2], 2)]
    return values[:, :, order]


def from_thick(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slices of three to five times the thickness, linearly interpolated back."""
    factor = int(rng.integers(3, 6))
    count = values.shape[2] // factor
    thick = values[:, :, : count * factor].reshape(*values.shape[:2], count, factor).mean(-1)
    places = np.arange((count - 1) * factor) / factor
    low = places.astype(int)
    share = (places - low).astype(np.float32)
    return thick[:, :, low] * (1 - share) + thick[:, :, low + 1] * share


def from_thick_cubic(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slices of three times the thickness, interpolated back by cubic splines, which leave less of a pattern."""
    count = values.shape[2] // 3
    thick = values[:, :, : count * 3].reshape(*values.shape[:2], count, 3).mean(-1)
    return zoom(thick, (1, 1, 3), order=3)


def framed(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame of one voxel in every slice."""
    changed, at = values.copy(), int(rng.integers(2, 6))
    bright = float(np.quantile(values, 0.999)) + 50
    changed[at:-at, [at, -at - 1]] = bright
    changed[[at, -at - 1], at:-at] = bright
    return changed


def noise(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise with the mean and spread of the scan."""
    return rng.normal(values.mean(), max(1.0, values.std()), values.shape)


def _spacing(factors: tuple[float, float, float]) -> Planted:
    def planted(scan: Scan, rng: np.random.Generator) -> Scan:
        left, deep, high = (length * factor for length, factor in zip(scan.spacing_mm, factors, strict=True))
        return replace(scan, spacing_mm=(left, deep, high))

    return planted


CT_FAULTS: dict[str, tuple[str, Planted]] = {
    "offset still in": ("hu_offset", _values(lambda values, rng: values + 1024)),
    "offset subtracted twice": ("hu_offset_twice", _values(lambda values, rng: values - 1024)),
    "window baked in": ("window_baked", _values(baked)),
}
"""Faults of CT alone: in words, the kind that an audit should name, and what plants it."""

FAULTS: dict[str, tuple[str, Planted]] = {
    "values clipped": ("clipped", _values(clipped)),
    "slices empty": ("empty_slices", _values(emptied)),
    "slices repeated": ("slices_repeated", _values(repeated)),
    "slices turned round": ("slices_out_of_order", _values(exchanged)),
    "slices interleaved": ("slices_out_of_order", _values(interleaved)),
    "from thick slices": ("interpolated", _values(from_thick)),
    "from thick slices, cubic": ("interpolated", _values(from_thick_cubic)),
    "frame burned in": ("burned_in", _values(framed)),
    "noise": ("noise", _values(noise)),
    "lengths in cm": ("units", _spacing((0.1, 0.1, 0.1))),
    "lengths in m": ("units", _spacing((0.001, 0.001, 0.001))),
    "voxel size doubled foot-head": ("voxel_size", _spacing((1.0, 1.0, 2.0))),
}
"""Faults of any scan."""


LEFT_OUT = {"0018|0088": "SpacingBetweenSlices", "0018|1120": "GantryDetectorTilt"}
"""Tags that the writer leaves out."""


def write_scan(path: Path, scan: Scan) -> Path:
    """Writes a scan in the format of the file's ending, whole numbers as such."""
    voxels = scan.voxels
    whole = bool(np.array_equal(voxels, np.rint(voxels))) and float(np.abs(voxels).max()) < 32_768
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0), np.int16 if whole else np.float32))
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin((LPS_TO_RAS @ scan.origin_mm).tolist())
    image.SetDirection((LPS_TO_RAS @ scan.axes).ravel().tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def write_series(folder: Path, scan: Scan, tags: dict[str, str], lean_mm: float = 0.0) -> Path:
    """Writes a scan as a DICOM series.

    Args:
        folder: is made.
        scan: to write.
        tags: such as ``{"0008|0060": "MR"}``.
        lean_mm: how far each slice lies in front of the one before, as positions of a tilted gantry say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = np.rint(np.clip(scan.voxels, -30_000, 30_000)).astype(np.int16)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    before = locale.setlocale(locale.LC_ALL)  # GDCM leaves the process in "C", where Python takes files for ASCII
    for number in range(values.shape[2]):
        image = sitk.GetImageFromArray(np.ascontiguousarray(values[:, :, number].T[None]))
        image.SetSpacing(scan.spacing_mm)
        place = LPS_TO_RAS @ (np.array(scan.origin_mm) + np.array([0, number * lean_mm, number * scan.spacing_mm[2]]))
        common = {
            "0008|0060": "CT",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.1",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.2",
            "0020|0052": "1.2.826.0.1.3680043.2.1125.3",
            "0008|0018": f"1.2.826.0.1.3680043.2.1125.4.{number + 1}",
            "0020|0037": "-1\\0\\0\\0\\-1\\0",
            "0020|0032": "\\".join([f"{value:.6g}" for value in place]),
            "0020|0013": str(number + 1),
        }
        for tag, value in {**common, **tags}.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{number:04d}.dcm"))
        writer.Execute(image)
        _add(folder / f"{number:04d}.dcm", {tag: tags[tag] for tag in LEFT_OUT if tag in tags})
    locale.setlocale(locale.LC_ALL, before)
    return folder


def _add(path: Path, tags: dict[str, str]) -> None:
    if tags:
        data = pydicom.dcmread(path)
        for tag, value in tags.items():
            setattr(data, LEFT_OUT[tag], value)
        data.save_as(path)


def cropped(scan: Scan, share: float = 0.6) -> Scan:
    """Returns the middle of a scan, so much of it along each axis."""
    sizes = [max(8, round(size * share)) for size in scan.voxels.shape]
    starts = [(size - kept) // 2 for size, kept in zip(scan.voxels.shape, sizes, strict=True)]
    box = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    origin = scan.position_mm(np.array(starts, float))
    left, deep, high = origin.tolist()
    return replace(scan, voxels=np.ascontiguousarray(scan.voxels[box]), origin_mm=(left, deep, high))


def noised(scan: Scan, rng: np.random.Generator, share: float = 0.05) -> Scan:
    """Returns a scan with noise of a share of the range of its values."""
    low, high = np.quantile(scan.voxels, (0.01, 0.99))
    noise_of = rng.normal(0, share * float(high - low), scan.voxels.shape)
    return replace(scan, voxels=np.rint(scan.voxels + noise_of).astype(np.float32))


def resliced(scan: Scan, factor: float = 1.7) -> Scan:
    """Returns a scan on coarser slices across the body."""
    from orienteer.scans.resample import onto_grid

    left, deep, high = scan.spacing_mm
    grid = onto_grid(scan, (left, deep, high * factor))
    return replace(scan, voxels=grid.voxels, spacing_mm=grid.spacing_mm, origin_mm=grid.origin_mm, axes=np.eye(3))


def rescanned(scan: Scan, rng: np.random.Generator) -> Scan:
    """Returns a scan of the same person lying otherwise: turned by 1 to 8 degrees, moved, other noise, in MR another field."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(scan.voxels.transpose(2, 1, 0)))
    image.SetSpacing(scan.spacing_mm)
    axis = rng.normal(size=3)
    turn = sitk.VersorRigid3DTransform()
    turn.SetCenter((np.array(scan.voxels.shape) * scan.spacing_mm / 2).tolist())
    turn.SetRotation((axis / np.linalg.norm(axis)).tolist(), float(np.radians(rng.uniform(1, 8))))
    turn.SetTranslation(rng.uniform(-8, 8, 3).tolist())
    turned = sitk.Resample(image, image, turn, sitk.sitkLinear, float(scan.voxels.min()))
    voxels = sitk.GetArrayFromImage(turned).transpose(2, 1, 0)
    if scan.modality != "CT":
        field = gaussian_filter(rng.normal(size=voxels.shape), [size / 4 for size in voxels.shape])
        lowest = float(voxels.min())
        voxels = lowest + (voxels - lowest) * (1 + 0.15 * field / np.abs(field).max())
    return noised(replace(scan, voxels=voxels.astype(np.float32)), rng, 0.02)


def rewindowed(scan: Scan) -> Scan:
    """Returns a scan in 256 grey values between two quantiles."""
    low, high = np.quantile(scan.voxels, (0.05, 0.99))
    return replace(scan, voxels=np.rint(np.clip((scan.voxels - low) / (high - low), 0, 1) * 255).astype(np.float32))
