"""Synthetic torso CTs: invented anatomy with organs, to try everything out without data.

They contain no patient data, and weights learned from them are of no use for patients. They share with real scans what
orienteer learns from: organs have typical positions, left differs from right and top from bottom, and subjects differ in
size, shape, position in the field of view, contrast medium and noise.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float32, Int16, UInt8
from scipy.ndimage import gaussian_filter

from orienteer.errors import InputError
from orienteer.files import replacing
from orienteer.phantoms.anatomy import LABEL_NAMES, even_out, paint
from orienteer.progress import tracked
from orienteer.types import Triple, TripleMm

PREFIX = "SYNTHETIC_torso"
"""Every file name begins with this, so that no file is mistaken for a patient's."""

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""The range of a CT scanner's twelve bits."""

HARD_NOISE_HU = (20.0, 50.0)
"""Range of the standard deviation of the additional noise of hard phantoms."""

HARD_SHARE_OF_HEIGHT = (0.55, 0.9)
"""Range of the share of the trunk's height that a hard phantom shows."""

DESCRIPTION = 79
"""Letters of a description that a NIfTI header has room for."""


class Phantom(NamedTuple):
    """A synthetic torso CT in the body frame (RAS), with its label map.

    Attributes:
        voxels: HU, ``(size0, size1, size2)``.
        labels: 0 or a key of ``label_names``, same shape.
        label_names: organ by label value.
        spacing_mm: per axis.
        origin_mm: centre of voxel 0. It varies like the position of a scanner's table, independently of the anatomy.
    """

    voxels: Int16[np.ndarray, "size0 size1 size2"]
    labels: UInt8[np.ndarray, "size0 size1 size2"]
    label_names: dict[int, str]
    spacing_mm: TripleMm
    origin_mm: TripleMm


def phantom(
    seed: int | np.random.Generator,
    shape_vox: Triple = (64, 64, 96),
    spacing_mm: float | TripleMm = 5.0,
    hard: bool = False,
) -> Phantom:
    """Returns one synthetic torso CT with its label map; the same seed gives the same subject.

    A hard one is difficult to segment by grey values: all soft organs have nearly the same intensity, noise is strong, and
    the field of view covers only a part of the trunk, a different one for each subject.

    Args:
        seed: a seed, or the generator to draw the subject from.
        shape_vox: size, left-right, back-front, foot-head. At 5 mm the default covers the trunk from hips to neck.
        spacing_mm: one number, or one per axis.
        hard: see above. The scan is then shorter than ``shape_vox`` along the body.

    Raises:
        InputError: a size below 8 voxels, or a spacing that is not above zero.

    Example:
        >>> torso = phantom(7, shape_vox=(32, 32, 48), spacing_mm=10.0)
        >>> torso.voxels.shape, str(torso.voxels.dtype)
        ((32, 32, 48), 'int16')
        >>> right, left = (np.argwhere(torso.labels == label)[:, 0].mean() for label in (4, 6))  # liver, spleen
        >>> bool(right > left)
        True
    """
    rng = np.random.default_rng(seed)
    spacing = _spacing(spacing_mm)
    if min(shape_vox) < 8 or not min(spacing) > 0:
        got = f"{shape_vox} voxels of {spacing} mm"
        raise InputError("phantom", wanted="8 voxels or more, above 0 mm each", got=got, do="use (64, 64, 96) at 5 mm")
    right_mm, front_mm, up_mm = _warped_grid(rng, shape_vox, spacing)
    painted = paint(rng, right_mm, front_mm, up_mm)
    values, labels = painted.values_hu, painted.labels
    if hard:
        even_out(rng, painted)
    if rng.random() < 0.5:
        _add_table(values, rng, spacing[1])
    values = _add_texture(values, rng, spacing)
    if hard:
        values += _normal(rng, values.shape) * np.float32(rng.uniform(*HARD_NOISE_HU))
        part = _field_of_view(rng, shape_vox[2])
        values, labels = values[:, :, part], labels[:, :, part]
    voxels = np.clip(np.rint(values), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    origin = tuple(float(value) for value in np.round(rng.normal(0, 150, 3), 1))
    return Phantom(voxels, labels, dict(LABEL_NAMES), spacing, (origin[0], origin[1], origin[2]))


def write_phantoms(
    folder: str | Path,
    count: int,
    seed: int = 0,
    shape_vox: Triple = (64, 64, 96),
    spacing_mm: float | TripleMm = 5.0,
    labels: bool = True,
    progress: bool = True,
    hard: bool = False,
) -> list[Path]:
    """Writes subjects 0 to ``count - 1`` as NIfTI files, label maps into ``labels/``, and returns the scans' paths.

    Subject i depends on ``(seed, i)`` alone. Files that exist already are kept if they are the same subject at the same
    size; a file appears under its name only when it is complete. For ``hard`` see `phantom`.

    Raises:
        InputError: fewer than one subject, or the folder holds synthetic scans made with another seed or size.
    """
    if count < 1:
        raise InputError("count", wanted="one subject or more", got=str(count), do="use 40 for a demonstration")
    root = Path(folder)
    (root / "labels" if labels else root).mkdir(parents=True, exist_ok=True)
    paths = [root / f"{PREFIX}_{index:03d}.nii.gz" for index in range(count)]
    for index, path in enumerate(tracked(paths, "making synthetic scans", "scans", progress)):
        made_of = _made_of(seed, index, shape_vox if hard else None)
        wanted = [path, root / "labels" / path.name] if labels else [path]
        if all(_exists_already(file, made_of, None if hard else shape_vox, _spacing(spacing_mm)) for file in wanted):
            continue
        torso = phantom(np.random.default_rng([seed, index]), shape_vox, spacing_mm, hard)
        for file, values in zip(wanted, (torso.voxels, torso.labels), strict=False):
            _write(file, values, torso, made_of)
    return paths


def _made_of(seed: int, index: int, cut_from: Triple | None) -> str:
    """Returns what a file says of itself, in at most the 79 letters that a NIfTI header has room for.

    Example:
        >>> _made_of(40_000, 10, (96, 80, 120))
        'synthetic CT, no patient; seed 40000, subject 10, hard, cut from 96x80x120'
    """
    what = f"no patient; seed {seed}, subject {index}"
    what += f", hard, cut from {'x'.join(str(size) for size in cut_from)}" if cut_from is not None else ""
    long = f"synthetic torso CT, {what}"
    return long if len(long) <= DESCRIPTION else f"synthetic CT, {what}"


def _spacing(spacing_mm: float | TripleMm) -> TripleMm:
    if isinstance(spacing_mm, tuple):
        return spacing_mm
    return float(spacing_mm), float(spacing_mm), float(spacing_mm)


def _warped_grid(
    rng: np.random.Generator, shape_vox: Triple, spacing_mm: TripleMm
) -> list[Float32[np.ndarray, "size0 size1 size2"]]:
    """Returns the positions of all voxels in mm of the standard body; place, size and shape vary between subjects."""
    size = np.clip(rng.normal(1, 0.06), 0.9, 1.1) * np.clip(rng.normal(1, 0.03, 3), 0.94, 1.06)
    shift_mm = rng.uniform(-1, 1, 3) * (12, 10, 28)
    steps = [
        ((np.arange(count) - (count - 1) / 2) * spacing + shift) / scale
        for count, spacing, shift, scale in zip(shape_vox, spacing_mm, shift_mm, size, strict=True)
    ]
    grid = []
    for axis in range(3):
        straight = steps[axis].reshape([-1 if other == axis else 1 for other in range(3)])
        warped = np.broadcast_to(straight, shape_vox).astype(np.float32)
        for _ in range(3):  # long waves (200 to 500 mm) of about 4 mm: smooth, and without folding
            wave = [np.cos(2 * np.pi * at / rng.uniform(200, 500) + rng.uniform(0, 2 * np.pi)) for at in steps]
            amplitude_mm = rng.normal(0, 4)
            warped += np.einsum("i,j,k->ijk", *(part.astype(np.float32) for part in wave)) * np.float32(amplitude_mm)
        grid.append(warped)
    return grid


def _add_table(values: Float32[np.ndarray, "size0 size1 size2"], rng: np.random.Generator, step_mm: float) -> None:
    """Adds a table below the back, in place: foam with a thin plate on top."""
    rows = np.flatnonzero((values > -500).any(axis=(0, 2)))
    if rows.size == 0:
        return
    top = int(rows[0] - rng.uniform(5, 20) / step_mm)
    thick = max(1, round(25 / step_mm))
    if top - thick < 0:
        return
    width = values.shape[0] // 6
    values[width:-width, top - thick : top] = -880
    values[width:-width, top] = rng.uniform(-150, 150)


def _add_texture(
    values: Float32[np.ndarray, "size0 size1 size2"], rng: np.random.Generator, spacing_mm: TripleMm
) -> Float32[np.ndarray, "size0 size1 size2"]:
    """Returns the values with edges blurred as by voxels, coarse structure inside the body, and noise everywhere."""
    blurred = gaussian_filter(values, rng.uniform(0.35, 0.6))
    coarse = gaussian_filter(_normal(rng, values.shape), [7 / step for step in spacing_mm])
    coarse *= np.float32(rng.uniform(8, 14) / max(float(coarse.std()), 1e-6))
    textured: np.ndarray = (
        blurred + np.where(values > -950, coarse, 0) + _normal(rng, values.shape) * np.float32(rng.uniform(8, 25))
    )
    return textured


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32[np.ndarray, "size0 size1 size2"]:
    return rng.standard_normal(shape, dtype=np.float32)


def _field_of_view(rng: np.random.Generator, height_vox: int) -> slice:
    """Returns the slices of the trunk that a hard phantom shows."""
    shown = max(8, round(height_vox * rng.uniform(*HARD_SHARE_OF_HEIGHT)))
    first = int(rng.integers(0, height_vox - shown + 1))
    return slice(first, first + shown)


def _exists_already(path: Path, made_of: str, shape_vox: Triple | None, spacing_mm: TripleMm) -> bool:
    if not path.exists():
        return False
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    description = reader.GetMetaData("descrip") if reader.HasMetaDataKey("descrip") else "no description"
    same_size = shape_vox is None or reader.GetSize() == shape_vox
    if description == made_of and same_size and np.allclose(reader.GetSpacing(), spacing_mm):
        return True
    size = f"{shape_vox} voxels" if shape_vox is not None else "voxels"
    raise InputError(
        str(path),
        wanted=f"no file, or {made_of}, {size} of {spacing_mm} mm",
        got=f"{description}, {reader.GetSize()} voxels of {reader.GetSpacing()} mm",
        do="use another folder or remove the old files",
    )


def _write(
    path: Path, values: Int16[np.ndarray, "x y z"] | UInt8[np.ndarray, "x y z"], torso: Phantom, made_of: str
) -> None:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing(torso.spacing_mm)
    # SimpleITK counts mm towards left and back, the body frame towards right and front.
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    image.SetOrigin((-torso.origin_mm[0], -torso.origin_mm[1], torso.origin_mm[2]))
    image.SetMetaData("ITK_FileNotes", made_of)
    with replacing(path, suffix=".nii.gz") as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)
