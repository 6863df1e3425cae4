"""Intensity augmentation of views: drawn first, applied afterwards.

Each view of a set is changed independently, so that brightness does not identify a place in the scan. No voxel is
moved, so the centres remain correct. A view is first smoothed as by a coarser scanner (blur, low resolution); then gamma,
scale and shift change its intensities, and noise is added last.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from orienteer.settings import require

ViewSet = Float[Tensor, "views 1 size0 size1 size2"]
"""The views of one scan, normalised to about [-1, 1]."""

PerView = Float64[np.ndarray, " views"]
"""One number for each view."""


@dataclass(frozen=True)
class Augmentation:
    """How often and by how much the intensities of views are changed. The normalised range is -1 to 1."""

    enabled: bool = True
    """Whether views are augmented at all."""

    scale_probability: float = 0.5
    """Fraction of views whose contrast is scaled."""

    scale_range: tuple[float, float] = (0.9, 1.1)
    """Smallest and largest factor, about the centre of the range; log-uniform."""

    shift_probability: float = 0.5
    """Fraction of views to which an offset is added."""

    shift_range: tuple[float, float] = (-0.1, 0.1)
    """Smallest and largest offset in normalised values (0.1 is 100 HU in a window of -1000 to 1000 HU)."""

    gamma_probability: float = 0.3
    """Fraction of views with a gamma change."""

    gamma_range: tuple[float, float] = (0.8, 1.25)
    """Smallest and largest exponent, on values mapped to 0..1; log-uniform."""

    noise_probability: float = 0.2
    """Fraction of views with added white Gaussian noise."""

    noise_range: tuple[float, float] = (0.0, 0.05)
    """Smallest and largest standard deviation of the noise in normalised values."""

    blur_probability: float = 0.2
    """Fraction of views with Gaussian blur."""

    blur_range_vox: tuple[float, float] = (0.4, 1.0)
    """Smallest and largest standard deviation of the blur in voxels."""

    low_resolution_probability: float = 0.2
    """Fraction of views that are averaged onto a coarser grid and interpolated back."""

    low_resolution_range: tuple[float, float] = (1.0, 2.0)
    """Smallest and largest factor by which the grid is coarser."""

    def __post_init__(self) -> None:
        for name in ("scale", "shift", "gamma", "noise", "blur", "low_resolution"):
            probability = getattr(self, f"{name}_probability")
            wanted, do = "a fraction from 0 to 1", "use 0.2 for 20 %"
            require(0 <= probability <= 1, f"{name}_probability", wanted, probability, do)
        for name, least in _LEAST.items():
            low, high = getattr(self, name)
            wanted = f"{least} <= lowest <= highest" if np.isfinite(least) else "finite, lowest <= highest"
            valid = bool(np.isfinite((low, high)).all()) and least <= low <= high
            require(valid, name, wanted, (low, high), "swap or correct the two numbers")


@dataclass(frozen=True)
class AugmentationParameters:
    """The parameters drawn for the views of one set: enough to repeat the augmentation exactly.

    Attributes:
        scale: factor of each view, 1 for none, ``(views,)``.
        shift: offset in normalised values, 0 for none.
        gamma: exponent, 1 for none.
        noise: standard deviation in normalised values, 0 for none.
        blur_vox: standard deviation in voxels, 0 for none.
        low_resolution: factor by which the grid is coarser, 1 for none.
        noise_seed: seed of the noise itself, which is too large to be kept.
    """

    scale: PerView
    shift: PerView
    gamma: PerView
    noise: PerView
    blur_vox: PerView
    low_resolution: PerView
    noise_seed: int


def draw_parameters(rng: np.random.Generator, views: int, augmentation: Augmentation) -> AugmentationParameters:
    """Returns the augmentation parameters of each view of a set.

    The same number of random numbers is drawn whatever the settings, so that switching one change on or off does not
    affect the others.

    Example:
        >>> parameters = draw_parameters(np.random.default_rng(0), 3, Augmentation(scale_probability=1.0))
        >>> parameters.scale.shape, bool((parameters.scale != 1).all())
        ((3,), True)
    """
    a = augmentation
    return AugmentationParameters(
        scale=_draw(rng, views, a.scale_probability * a.enabled, a.scale_range, none=1.0, logarithmic=True),
        shift=_draw(rng, views, a.shift_probability * a.enabled, a.shift_range, none=0.0),
        gamma=_draw(rng, views, a.gamma_probability * a.enabled, a.gamma_range, none=1.0, logarithmic=True),
        noise=_draw(rng, views, a.noise_probability * a.enabled, a.noise_range, none=0.0),
        blur_vox=_draw(rng, views, a.blur_probability * a.enabled, a.blur_range_vox, none=0.0),
        low_resolution=_draw(rng, views, a.low_resolution_probability * a.enabled, a.low_resolution_range, none=1.0),
        noise_seed=int(rng.integers(2**62)),
    )


def apply(images: ViewSet, parameters: AugmentationParameters) -> ViewSet:
    """Returns the augmented views; the input is not modified.

    Gamma acts on values clipped to [-1, 1], the range of prepared scans; scale, shift and noise may exceed it a little.

    Example:
        >>> images = torch.zeros(2, 1, 8, 8, 8)
        >>> parameters = draw_parameters(np.random.default_rng(0), 2, Augmentation(enabled=False))
        >>> torch.equal(apply(images, parameters), images)
        True
    """
    images = _smooth(images, parameters)
    images = _bend(images, parameters.gamma)
    # Multiplying by 1 and adding 0 changes no bit, so views that were not chosen need no case of their own.
    images = images * _column(parameters.scale, images) + _column(parameters.shift, images)
    return _add_noise(images, parameters)


_LEAST = {
    "scale_range": 1e-3,
    "shift_range": -np.inf,
    "gamma_range": 1e-3,
    "noise_range": 0.0,
    "blur_range_vox": 0.0,
    "low_resolution_range": 1.0,
}
"""Smallest meaningful value of each range."""


def _draw(
    rng: np.random.Generator,
    views: int,
    probability: float,
    limits: tuple[float, float],
    none: float,
    logarithmic: bool = False,
) -> np.ndarray:
    chosen = rng.random(views) < probability
    place = rng.random(views)
    low, high = np.log(limits) if logarithmic else limits
    values = low + (high - low) * place
    return np.where(chosen, np.exp(values) if logarithmic else values, none)


def _column(values: np.ndarray, images: Tensor) -> Tensor:
    """Returns one number per view, shaped to broadcast over its voxels."""
    return torch.from_numpy(values).to(images).reshape(-1, 1, 1, 1, 1)


def _bend(images: Tensor, gamma: np.ndarray) -> Tensor:
    chosen = np.flatnonzero(gamma != 1)
    if not len(chosen):
        return images
    index = torch.from_numpy(chosen).to(images.device)
    bent = ((images[index] + 1) / 2).clamp(0, 1) ** _column(gamma[chosen], images)
    return images.index_copy(0, index, bent * 2 - 1)


def _add_noise(images: Tensor, parameters: AugmentationParameters) -> Tensor:
    chosen = np.flatnonzero(parameters.noise > 0)
    if not len(chosen):
        return images
    index = torch.from_numpy(chosen).to(images.device)
    generator = torch.Generator().manual_seed(parameters.noise_seed)
    noise = torch.randn((len(chosen), *images.shape[1:]), generator=generator, dtype=torch.float32).to(images)
    return images.index_add(0, index, noise * _column(parameters.noise[chosen], images))


def _smooth(images: Tensor, parameters: AugmentationParameters) -> Tensor:
    """Returns views with blur and low resolution: both are linear along an axis, so together one matrix per axis."""
    chosen = np.flatnonzero((parameters.blur_vox > 0) | (parameters.low_resolution > 1))
    if not len(chosen):
        return images
    index = torch.from_numpy(chosen).to(images.device)
    x = images[index, 0]  # (chosen, size0, size1, size2)
    matrices = [_axis_matrix(size, parameters, chosen).to(x) for size in x.shape[1:]]
    smoothed = torch.stack([_along_axes(view, *of_view) for view, *of_view in zip(x, *matrices, strict=True)])
    return images.index_copy(0, index, smoothed[:, None])


def _along_axes(
    view: Float[Tensor, "size0 size1 size2"],
    n0: Float[Tensor, "size0 size0"],
    n1: Float[Tensor, "size1 size1"],
    n2: Float[Tensor, "size2 size2"],
) -> Float[Tensor, "size0 size1 size2"]:
    """Returns a view multiplied by one matrix along each axis: three products of whole matrices, which are fastest."""
    s0, s1, s2 = view.shape
    x = (view.reshape(s0 * s1, s2) @ n2.T).reshape(s0, s1, s2)
    x = (x.transpose(1, 2).reshape(s0 * s2, s1) @ n1.T).reshape(s0, s2, s1).transpose(1, 2)
    return (n0 @ x.reshape(s0, s1 * s2)).reshape(s0, s1, s2)


def _axis_matrix(size: int, parameters: AugmentationParameters, chosen: np.ndarray) -> Tensor:
    """Returns the smoothing along an axis of ``size`` voxels as a matrix, ``(chosen, size, size)``; each row sums to 1."""
    blur = _blur_matrix(size, parameters.blur_vox[chosen])
    return torch.from_numpy(_coarse_matrix(size, parameters.low_resolution[chosen]) @ blur)


_NO_WEIGHT = 1e-12
"""Weights of a blur that count for nothing: 7 standard deviations from its centre."""


def _blur_matrix(size: int, blur_vox: np.ndarray) -> np.ndarray:
    distance = np.arange(size)[:, None] - np.arange(size)
    # A blur of 0 becomes the identity: exp(-0.5 / 1e-6) is 0.
    weight: np.ndarray = np.exp(-0.5 * distance**2 / np.maximum(blur_vox, 1e-3)[:, None, None] ** 2)
    # In 32-bit floats the tails would be denormal numbers, by which products take ten times as long.
    weight = np.where(weight < _NO_WEIGHT, 0.0, weight)
    rows: np.ndarray = weight / weight.sum(-1, keepdims=True)
    return rows


def _coarse_matrix(size: int, factor: np.ndarray) -> np.ndarray:
    """Returns averaging onto cells about ``factor`` times wider, and linear interpolation back, as one matrix."""
    # The grid of cells spans the whole axis, so nothing moves.
    cells = np.maximum(np.rint(size / factor), 1)[:, None, None]
    width = size / cells
    voxel, cell = np.arange(size), np.arange(size)[:, None]  # at most as many cells as voxels
    overlap = np.minimum(voxel + 1, (cell + 1) * width) - np.maximum(voxel, cell * width)
    average = np.maximum(overlap, 0) / width * (cell < cells)  # (views, cells, voxels)
    place = np.clip((voxel[:, None] + 0.5) / width - 0.5, 0, cells - 1)
    interpolate = np.maximum(1 - np.abs(place - np.arange(size)), 0)  # (views, voxels, cells)
    matrix: np.ndarray = interpolate @ average
    return matrix
