"""Preparation of a scan as in its training: voxels along the body's axes, one size of voxel, values from -1 to 1."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64
from monai.data import MetaTensor
from monai.transforms import MapTransform

from orienteer.exports.bundle.scripts.resampling import Affine, resampled, strongest
from orienteer.scans.body import BodyMap, body_map, body_mask, bounding_box
from orienteer.scans.modality import check_hounsfield, guess_modality
from orienteer.scans.normalise import check_range, intensity_range, to_stored, to_values
from orienteer.scans.orient import LPS_TO_RAS, turn_to_ras
from orienteer.scans.scan_grid import along_axes, grid_of, has_grid, inside_of, smoothed
from orienteer.scans.source import Scan
from orienteer.types import TripleMm

SKEW = 1e-3
"""How far three directions may deviate from right angles."""

SAME_PLACE = 0.1
"""Share of a voxel by which the corners of a scan and of its label map may differ."""

SCAN_AFFINE, SCAN_SHAPE = "scan_affine", "scan_shape"
"""Under these names a prepared image remembers the grid of its scan."""


@dataclass(frozen=True)
class Recipe:
    """How scans are prepared.

    Attributes:
        spacing_mm: voxel size.
        modality: ``CT``, ``MR``, or ``auto`` to guess it from the values.
        ct_window_hu: CT: the HU that become -1 and 1.
        mr_percentiles: MR: the percentiles of the body's voxels that become -1 and 1.
        crop_to_body: cut away the air around the body.
        margin_mm: how much air to leave then.
    """

    spacing_mm: TripleMm
    modality: str
    ct_window_hu: tuple[float, float]
    mr_percentiles: tuple[float, float]
    crop_to_body: bool = False
    margin_mm: float = 5.0


@dataclass(frozen=True)
class Prepared:
    """A prepared scan.

    Attributes:
        values: from -1 to 1, to three decimals.
        affine: of its voxels.
        body: where the body is; None where that was not needed.
    """

    values: Float32[np.ndarray, "size0 size1 size2"]
    affine: Affine
    body: BodyMap | None


class PrepareScand(MapTransform):
    """Prepares images, and label maps on the same grid with them.

    Args:
        keys: of the images, ``(1, file0, file1, file2)`` with an affine, as LoadImaged and EnsureChannelFirstd give them.
        recipe: the fields of `Recipe`.
        label_key: of a label map of the image; it becomes class numbers 0, 1, ... on the prepared grid.
        label_values: the label values of the classes in the order of the network's outputs.
    """

    def __init__(
        self,
        keys: str | Sequence[str],
        recipe: Mapping[str, Any],
        label_key: str | None = None,
        label_values: Sequence[int] = (),
    ) -> None:
        super().__init__(keys)
        self.recipe = read_recipe(recipe)
        self.label_key, self.label_values = label_key, tuple(label_values)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the items with the prepared ones in place of the others."""
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = prepared_image(result[key], self.recipe)
            if self.label_key is not None:
                result[self.label_key] = label_image(result[self.label_key], result[key], self.label_values)
        return result


def read_recipe(fields: Mapping[str, Any]) -> Recipe:
    """Returns a recipe from the values of a config, lists in place of tuples."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Recipe(**values)


def prepared_image(image: MetaTensor, recipe: Recipe) -> MetaTensor:
    """Returns an image ``(1, size0, size1, size2)`` that remembers the grid of its scan."""
    scan, affine = scan_of(image, recipe.modality)
    prepared = prepare(scan, recipe)
    meta = {**_meta(image), SCAN_AFFINE: affine, SCAN_SHAPE: np.array(image.shape[1:])}
    return MetaTensor(torch.from_numpy(prepared.values)[None], affine=torch.from_numpy(prepared.affine), meta=meta)


def label_image(labels: MetaTensor, image: MetaTensor, values: Sequence[int]) -> MetaTensor:
    """Returns the class numbers of a label map on the grid of a prepared image: of each voxel the strongest class.

    Raises:
        ValueError: a label map on other voxels than its scan, or a label value that is none of a class.
    """
    array, affine = _array(labels), np.asarray(labels.affine, np.float64)
    _check_same_voxels(labels, array.shape, affine, image)
    unknown = sorted(set(np.unique(array).tolist()) - set(values))
    if unknown:
        raise ValueError(f"{_name(labels)}: label values {unknown[:5]}, where the classes have {list(values)}")
    channels = ((array == value).astype(np.float32) for value in values)
    size0, size1, size2 = image.shape[1:]
    numbers = strongest(channels, affine, np.asarray(image.affine, np.float64), (size0, size1, size2))
    return MetaTensor(torch.from_numpy(numbers)[None].float(), affine=image.affine, meta=_meta(labels))


def _check_same_voxels(labels: MetaTensor, shape: Sequence[int], affine: Affine, image: MetaTensor) -> None:
    """Refuses a label map that is not on the voxels of its scan, in whatever order its axes lie."""
    scan_affine, scan_shape = np.asarray(image.meta[SCAN_AFFINE]).reshape(4, 4), np.asarray(image.meta[SCAN_SHAPE])
    ours, theirs = _corners_mm(shape, affine), _corners_mm(scan_shape.reshape(-1).tolist(), scan_affine)
    apart = np.linalg.norm(ours[:, None] - theirs[None], axis=2).min(axis=1).max()
    least = np.linalg.norm(scan_affine[:3, :3], axis=0).min()
    if sorted(shape) != sorted(scan_shape.reshape(-1).tolist()) or not apart <= SAME_PLACE * least:
        raise ValueError(
            f"{_name(labels)}: a label map on other voxels than its scan (corners up to {apart:.3g} mm apart)"
        )


def _corners_mm(shape: Sequence[int], affine: Affine) -> Float64[np.ndarray, "8 3"]:
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(shape) - 1)
    corners_mm: Float64[np.ndarray, "8 3"] = corners @ affine[:3, :3].T + affine[:3, 3]
    return corners_mm


def scan_of(image: MetaTensor, modality: str) -> tuple[Scan, Affine]:
    """Returns an image as a scan whose axes run nearly right, front, head, and the affine of its file.

    Raises:
        ValueError: several channels, axes that are not at right angles, values that are not finite, or no HU in a CT.
    """
    affine = np.asarray(image.affine, np.float64)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, :3] / spacing
    skew = np.abs(direction.T @ direction - np.eye(3)).max()
    if not skew <= SKEW:
        raise ValueError(f"{_name(image)}: axes that deviate from right angles by {skew:.2g}; resample it first")
    values = _array(image)
    if not np.isfinite(values).all():
        raise ValueError(f"{_name(image)}: values that are not finite")
    size0, size1, size2 = values.shape
    left, back, head = (LPS_TO_RAS @ affine[:3, 3]).tolist()
    spacing_mm = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    turn, frame = turn_to_ras((size0, size1, size2), spacing_mm, (left, back, head), LPS_TO_RAS @ direction)
    voxels = np.ascontiguousarray(turn.apply(values))
    kind = guess_modality(voxels) if modality == "auto" else modality
    check_hounsfield(_name(image), voxels, kind)
    return Scan(_name(image), voxels, frame.spacing_mm, frame.origin_mm, frame.axes, kind, "bundle"), affine


def prepare(scan: Scan, recipe: Recipe, with_body: bool = False) -> Prepared:
    """Returns a scan on the grid and with the values of the recipe.

    Args:
        with_body: say where the body is.
    """
    voxels, origin_mm, inside = scan.voxels, scan.origin_mm, None
    if not has_grid(scan, recipe.spacing_mm):
        shape_vox, origin_mm = grid_of(scan, recipe.spacing_mm)
        onto, outside = _affine(np.diag(recipe.spacing_mm), origin_mm), float(scan.voxels.min())
        of_scan = _affine(scan.axes * np.array(scan.spacing_mm), scan.origin_mm)
        voxels = resampled(smoothed(scan, recipe.spacing_mm), of_scan, onto, shape_vox, outside)
        if not along_axes(scan):
            inside = inside_of(scan, shape_vox, recipe.spacing_mm, origin_mm)
    mask = np.ones(voxels.shape, bool)
    if scan.modality != "CT" or recipe.crop_to_body or with_body:
        mask = body_mask(voxels, scan.modality, recipe.spacing_mm, inside)
        if not mask.any():
            raise ValueError(f"{scan.name}: no body in the scan")
    box = _box(mask, recipe)
    low, high = intensity_range(voxels[box], mask[box], scan.modality, recipe.ct_window_hu, recipe.mr_percentiles)
    check_range(scan.name, low, high)
    values = to_values(to_stored(voxels[box], low, high))
    corner = np.array(origin_mm) + np.array([cut.start for cut in box]) * np.array(recipe.spacing_mm)
    body = body_map(mask[box], None if inside is None else inside[box]) if with_body else None
    return Prepared(values, _affine(np.diag(recipe.spacing_mm), corner), body)


def _box(mask: np.ndarray, recipe: Recipe) -> tuple[slice, slice, slice]:
    if not recipe.crop_to_body:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2])
    margin0, margin1, margin2 = (int(np.ceil(recipe.margin_mm / length)) for length in recipe.spacing_mm)
    return bounding_box(mask, (margin0, margin1, margin2))


def _affine(steps: np.ndarray, origin_mm: np.ndarray | TripleMm) -> Affine:
    affine: Float64[np.ndarray, "4 4"] = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, origin_mm
    return affine


def _array(image: MetaTensor) -> Float32[np.ndarray, "file0 file1 file2"]:
    if image.ndim != 4 or image.shape[0] != 1:
        raise ValueError(f"{_name(image)}: a 3D scan of one channel is needed, not one of shape {tuple(image.shape)}")
    array: Float32[np.ndarray, "file0 file1 file2"] = image[0].detach().cpu().numpy().astype(np.float32)
    return array


def _meta(image: MetaTensor) -> dict[Hashable, Any]:
    """Returns what is known about an image but its affine, which changes."""
    return {key: value for key, value in image.meta.items() if key != "affine"}


def _name(image: MetaTensor) -> str:
    return str(image.meta.get("filename_or_obj", "image"))
