"""Distortions: what is hidden or rearranged in a view before the encoder sees it, for tasks that undo or classify it.

They follow augmentation and are drawn for each view independently. The batch keeps the original views, which voxels were
hidden, how each view was turned and the order of its cubes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from orienteer.settings import make_settings, require
from orienteer.types import Triple
from orienteer.views.augment import ViewSet
from orienteer.views.genesis import bent, painted, shuffled
from orienteer.views.rearrange import ORDERS, UNTOUCHED, fitting_turns, reordered, turned

HIDDEN = 0.0
"""What the encoder sees in place of a hidden voxel: the centre of the range."""


@dataclass(frozen=True)
class Distortion:
    """Which distortions are applied to views, and how often. None by default."""

    mask_share: float = 0.0
    """Fraction of a view's blocks that is hidden, 0 to 1."""

    mask_block_vox: int | None = None
    """Edge of these blocks in voxels. By default a quarter of the view's shortest edge."""

    mask_views: float = 1.0
    """Fraction of the views of a set in which blocks are hidden, 0 to 1; the others stay whole. At 0.5 every second view."""

    bend_probability: float = 0.0
    """Fraction of views whose intensities are mapped by a random monotonic curve."""

    shuffle_probability: float = 0.0
    """Fraction of views whose voxels are shuffled within small blocks."""

    paint_probability: float = 0.0
    """Fraction of views that are partly painted over with noise."""

    paint_inside: float = 0.2
    """Fraction of painted views in which a few boxes are painted over; in the others all but a few boxes."""

    turn: bool = False
    """Whether views are turned by quarter turns about one axis."""

    reorder: bool = False
    """Whether views are cut into eight cubes that are put in another order. Together with `turn`, every second view is
    turned and the others are reordered."""

    def __post_init__(self) -> None:
        share, block = self.mask_share, self.mask_block_vox
        require(0 <= share < 1, "mask_share", "0 or more and below 1", share, "use 0.6 for 60 %")
        require(block is None or block >= 1, "mask_block_vox", "at least 1", block, "use 4 or 8")
        for name in ("mask_views", "bend_probability", "shuffle_probability", "paint_probability", "paint_inside"):
            fraction = getattr(self, name)
            require(0 <= fraction <= 1, name, "a fraction from 0 to 1", fraction, "use 0.5")

    @property
    def active(self) -> bool:
        """Whether any distortion is applied."""
        shares = (self.mask_share, self.bend_probability, self.shuffle_probability, self.paint_probability)
        return max(shares) > 0 or self.turn or self.reorder

    def changed(self, changes: dict[str, Any]) -> "Distortion":
        """Returns the same settings with some fields replaced.

        Raises:
            InputError: an unknown field, or a value of another kind.

        Example:
            >>> Distortion(mask_share=0.6).changed({"mask_block_vox": 4}).mask_block_vox
            4
        """
        known = [item.name for item in fields(self)]
        for key in changes:
            require(key in known, "distortion", f"one of {', '.join(known)}", key, "use one of these")
        typed = make_settings(Distortion, changes)
        return replace(self, **{key: getattr(typed, key) for key in changes})


NOTHING = Distortion()
"""Leaves views unchanged."""


@dataclass(frozen=True)
class Distorted:
    """The distortions of the views of a set, or of a batch of sets (then every field has a leading ``batch`` axis).

    Attributes:
        clean: the original views, ``(*batch, views, 1, size0, size1, size2)``.
        hidden: which voxels were hidden or painted over; same shape.
        turn: number of each view's turn in ``TURNS``, or ``UNTOUCHED``; ``(*batch, views)``.
        order: number of the order of each view's cubes, or ``UNTOUCHED``; ``(*batch, views)``.
    """

    clean: Float[Tensor, "*batch views 1 size0 size1 size2"]
    hidden: Bool[Tensor, "*batch views 1 size0 size1 size2"]
    turn: Int64[Tensor, "*batch views"]
    order: Int64[Tensor, "*batch views"]

    def each(self, function: Callable[[Tensor], Tensor]) -> "Distorted":
        """Returns a copy with a function applied to every tensor."""
        return Distorted(*(function(getattr(self, item.name)) for item in fields(self)))

    @staticmethod
    def stacked(sets: "Sequence[Distorted]") -> "Distorted":
        """Returns several sets of views as one batch."""
        names = [item.name for item in fields(Distorted)]
        return Distorted(*(torch.stack([getattr(distorted, name) for distorted in sets]) for name in names))


def distort(rng: np.random.Generator, images: ViewSet, distortion: Distortion) -> tuple[ViewSet, Distorted]:
    """Returns the views of a set as the encoder sees them, and the record of their distortions.

    Example:
        >>> seen, distorted = distort(np.random.default_rng(0), torch.ones(2, 1, 8, 8, 8), Distortion(mask_share=0.5))
        >>> distorted.hidden.float().mean().item(), (seen == 0).float().mean().item()
        (0.5, 0.5)
    """
    views = len(images)
    size_vox = _three(images)
    turn = _draw_turns(rng, views, size_vox) if distortion.turn else np.full(views, UNTOUCHED)
    order = rng.integers(0, ORDERS, views) if distortion.reorder else np.full(views, UNTOUCHED)
    if distortion.turn and distortion.reorder:
        turn[1::2], order[::2] = UNTOUCHED, UNTOUCHED
    seen = torch.stack(
        [reordered(turned(*pair), int(o)) for *pair, o in zip(images, turn.tolist(), order, strict=True)]
    )
    seen, noisy = _restyled(rng, seen, distortion)
    masked = torch.from_numpy(_hide(rng, views, size_vox, distortion))
    seen = seen.masked_fill(masked, HIDDEN)
    hidden = masked | torch.from_numpy(noisy)
    return seen, Distorted(images, hidden, torch.from_numpy(turn), torch.from_numpy(order))


def _restyled(
    rng: np.random.Generator, images: ViewSet, distortion: Distortion
) -> tuple[ViewSet, Bool[np.ndarray, "views 1 size0 size1 size2"]]:
    """Returns the views after the distortions of Models Genesis, and which voxels were painted over."""
    painted_over = np.zeros(tuple(images.shape), bool)
    d = distortion
    if not max(d.bend_probability, d.shuffle_probability, d.paint_probability) > 0:
        return images, painted_over
    views = images.numpy().copy()
    for number, (bend, shuffle, paint) in enumerate(rng.random((len(views), 3))):
        view = views[number, 0]
        view = bent(rng, view) if bend < d.bend_probability else view
        view = shuffled(rng, view) if shuffle < d.shuffle_probability else view
        if paint < d.paint_probability:
            painted_over[number, 0] = painted(rng, _three(images), d.paint_inside)
            view = np.where(painted_over[number, 0], rng.uniform(-1, 1, view.shape).astype(np.float32), view)
        views[number, 0] = view
    return torch.from_numpy(views), painted_over


def _draw_turns(rng: np.random.Generator, views: int, size_vox: Triple) -> Int64[np.ndarray, " views"]:
    turns = np.array(fitting_turns(size_vox), np.int64)
    return turns[rng.integers(0, len(turns), views)]


def _hide(
    rng: np.random.Generator, views: int, size_vox: Triple, distortion: Distortion
) -> Bool[np.ndarray, "views 1 size0 size1 size2"]:
    """Returns which voxels are hidden: the same number of blocks of a fixed grid in every view that is not left whole."""
    edge = distortion.mask_block_vox or max(1, min(size_vox) // 4)
    grid = tuple(-(-size // edge) for size in size_vox)
    count = round(distortion.mask_share * int(np.prod(grid)))
    hidden = np.zeros((views, 1, *size_vox), bool)
    for view in _masked_views(views, distortion.mask_views):
        blocks = np.zeros(grid, bool)
        blocks.reshape(-1)[rng.choice(blocks.size, count, replace=False)] = True
        voxels = blocks.repeat(edge, 0).repeat(edge, 1).repeat(edge, 2)
        hidden[view, 0] = voxels[: size_vox[0], : size_vox[1], : size_vox[2]]
    return hidden


def _masked_views(views: int, fraction: float) -> list[int]:
    """Returns which views are masked: spread evenly over the set, so that each pair of layout ``pairs`` has a whole one."""
    return [view for view in range(views) if int((view + 1) * fraction) > int(view * fraction)]


def _three(images: ViewSet) -> Triple:
    size0, size1, size2 = images.shape[-3:]
    return size0, size1, size2
