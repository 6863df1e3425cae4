"""Distortions: what is hidden or rearranged in a view before the encoder sees it, for tasks that undo or name it.

They come after augmentation, are drawn for each view on its own, and are kept with the batch: the views as they were,
which voxels were hidden, how each view was turned and in what order its cubes were put. Turning and reordering destroy
where a view is; a method that asks for them must not have tasks that tell places.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from orienteer.errors import InputError
from orienteer.types import Triple
from orienteer.views.augment import ViewSet
from orienteer.views.genesis import bent, painted, shuffled

HIDDEN = 0.0
"""What the encoder sees in place of a hidden voxel: the middle of the range."""

UNTOUCHED = -1
"""Stands for a view that is no example: not one of those that are turned, or not one of those whose cubes are moved."""

ORDERS = 24
"""Orders that the eight cubes of a view may come in; order 0 leaves them as they are."""

TURNS: tuple[tuple[int, int], ...] = ((0, 0), *((axis, quarter) for axis in range(3) for quarter in (1, 2, 3)))
"""Axis and number of quarter turns about it; turn 0 leaves a view as it is."""


@dataclass(frozen=True)
class Distortion:
    """What is done to views. Nothing by default."""

    mask_share: float = 0.0
    """Share of a view's blocks that are hidden, 0 to 1."""

    mask_block_vox: int | None = None
    """Edge of these blocks in voxels. By default a quarter of the view's shortest edge."""

    bend_probability: float = 0.0
    """Share of views whose intensities go through a random curve that rises or falls."""

    shuffle_probability: float = 0.0
    """Share of views whose voxels are shuffled within small blocks."""

    paint_probability: float = 0.0
    """Share of views of which parts are painted over with noise."""

    paint_inside: float = 0.2
    """Share of painted views in which a few boxes inside are painted over; in the others all but a few boxes is."""

    turn: bool = False
    """Turn views by quarters about one axis."""

    reorder: bool = False
    """Cut views into eight cubes and put these in another order. With `turn`: every second view is turned, the others
    are reordered."""

    def __post_init__(self) -> None:
        if not 0 <= self.mask_share < 1:
            got = str(self.mask_share)
            raise InputError("mask_share", wanted="0 or more and below 1", got=got, do="use 0.6 for three fifths")
        if self.mask_block_vox is not None and self.mask_block_vox < 1:
            raise InputError("mask_block_vox", wanted="at least 1", got=str(self.mask_block_vox), do="use 4 or 8")
        for name in ("bend_probability", "shuffle_probability", "paint_probability", "paint_inside"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, wanted="a share from 0 to 1", got=str(getattr(self, name)), do="use 0.5")

    @property
    def active(self) -> bool:
        """Whether anything is done at all."""
        shares = (self.mask_share, self.bend_probability, self.shuffle_probability, self.paint_probability)
        return max(shares) > 0 or self.turn or self.reorder

    def changed(self, changes: dict[str, Any]) -> "Distortion":
        """Returns the same with some fields changed.

        Raises:
            InputError: a field that is not there.

        Example:
            >>> Distortion(mask_share=0.6).changed({"mask_block_vox": 4}).mask_block_vox
            4
        """
        known = [item.name for item in fields(self)]
        unknown = [key for key in changes if key not in known]
        if unknown:
            wanted = f"fields among {', '.join(known)}"
            raise InputError("distortion", wanted=wanted, got=unknown[0], do="mend the name")
        return replace(self, **changes)


NOTHING = Distortion()
"""Leaves views as they are."""


@dataclass(frozen=True)
class Distorted:
    """What was done to the views of a set, or of a batch of sets (then every field has ``batch`` in front).

    Attributes:
        clean: the views before, ``(*batch, views, 1, size0, size1, size2)``.
        hidden: which voxels were hidden or painted over; same shape.
        turn: number of each view's turn in ``TURNS``, or ``UNTOUCHED``; ``(*batch, views)``.
        order: number of the order of each view's cubes, or ``UNTOUCHED``; ``(*batch, views)``.
    """

    clean: Float[Tensor, "*batch views 1 size0 size1 size2"]
    hidden: Bool[Tensor, "*batch views 1 size0 size1 size2"]
    turn: Int64[Tensor, "*batch views"]
    order: Int64[Tensor, "*batch views"]

    def each(self, function: Callable[[Tensor], Tensor]) -> "Distorted":
        """Returns the same with a function applied to every tensor."""
        return Distorted(*(function(getattr(self, item.name)) for item in fields(self)))

    @staticmethod
    def stacked(sets: "Sequence[Distorted]") -> "Distorted":
        """Returns sets of views as a batch."""
        names = [item.name for item in fields(Distorted)]
        return Distorted(*(torch.stack([getattr(one, name) for one in sets]) for name in names))


def distort(rng: np.random.Generator, images: ViewSet, distortion: Distortion) -> tuple[ViewSet, Distorted]:
    """Returns what the encoder sees of the views of a set, and what was done to them.

    Example:
        >>> seen, done = distort(np.random.default_rng(0), torch.ones(2, 1, 8, 8, 8), Distortion(mask_share=0.5))
        >>> done.hidden.float().mean().item(), (seen == 0).float().mean().item()
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


def fitting_turns(size_vox: Triple) -> tuple[int, ...]:
    """Returns the numbers of the turns after which a view has the same size.

    Example:
        >>> fitting_turns((16, 16, 24))
        (0, 2, 5, 7, 8, 9)
    """
    fits = []
    for number, (axis, quarter) in enumerate(TURNS):
        first, second = (size for other, size in enumerate(size_vox) if other != axis)
        if quarter % 2 == 0 or first == second:
            fits.append(number)
    return tuple(fits)


def turned(image: Float[Tensor, "1 size0 size1 size2"], turn: int) -> Float[Tensor, "1 size0 size1 size2"]:
    """Returns a view after the turn of that number."""
    if turn in (0, UNTOUCHED):
        return image
    axis, quarter = TURNS[turn]
    first, second = (other for other in range(3) if other != axis)
    return torch.rot90(image, quarter, (first + 1, second + 1))


def reordered(image: Float[Tensor, "1 size0 size1 size2"], order: int) -> Float[Tensor, "1 size0 size1 size2"]:
    """Returns a view with its eight cubes in the order of that number; an odd last voxel of an axis stays."""
    if order in (0, UNTOUCHED):
        return image
    half = [size // 2 for size in image.shape[1:]]
    corners = [(i * half[0], j * half[1], k * half[2]) for i, j, k in np.ndindex(2, 2, 2)]
    moved = image.clone()
    for to, source in zip(corners, cube_orders()[order], strict=True):
        moved[_cube(to, half)] = image[_cube(corners[source], half)]
    return moved


@lru_cache(maxsize=1)
def cube_orders() -> tuple[tuple[int, ...], ...]:
    """Returns the orders of the eight cubes: each next one differs from all before in as many places as can be."""
    every = np.array(list(permutations(range(8))), np.int8)
    chosen = [0]
    nearest = (every != every[0]).sum(1)
    while len(chosen) < ORDERS:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, (every != every[chosen[-1]]).sum(1))
    return tuple(tuple(int(cube) for cube in every[number]) for number in chosen)


def _restyled(
    rng: np.random.Generator, images: ViewSet, distortion: Distortion
) -> tuple[ViewSet, Bool[np.ndarray, "views 1 size0 size1 size2"]]:
    """Returns the views after what Models Genesis does to them, and which voxels were painted over."""
    over = np.zeros(tuple(images.shape), bool)
    d = distortion
    if not max(d.bend_probability, d.shuffle_probability, d.paint_probability) > 0:
        return images, over
    views = images.numpy().copy()
    for number, (bend, shuffle, paint) in enumerate(rng.random((len(views), 3))):
        view = views[number, 0]
        view = bent(rng, view) if bend < d.bend_probability else view
        view = shuffled(rng, view) if shuffle < d.shuffle_probability else view
        if paint < d.paint_probability:
            over[number, 0] = painted(rng, _three(images), d.paint_inside)
            view = np.where(over[number, 0], rng.uniform(-1, 1, view.shape).astype(np.float32), view)
        views[number, 0] = view
    return torch.from_numpy(views), over


def _draw_turns(rng: np.random.Generator, views: int, size_vox: Triple) -> np.ndarray:
    fits = np.array(fitting_turns(size_vox), np.int64)
    return fits[rng.integers(0, len(fits), views)]


def _hide(
    rng: np.random.Generator, views: int, size_vox: Triple, distortion: Distortion
) -> Bool[np.ndarray, "views 1 size0 size1 size2"]:
    """Returns which voxels are hidden: the same number of blocks of a fixed grid in every view."""
    edge = distortion.mask_block_vox or max(1, min(size_vox) // 4)
    grid = tuple(-(-size // edge) for size in size_vox)
    count = round(distortion.mask_share * int(np.prod(grid)))
    hidden = np.zeros((views, 1, *size_vox), bool)
    for view in range(views):
        blocks = np.zeros(grid, bool)
        blocks.reshape(-1)[rng.choice(blocks.size, count, replace=False)] = True
        voxels = blocks.repeat(edge, 0).repeat(edge, 1).repeat(edge, 2)
        hidden[view, 0] = voxels[: size_vox[0], : size_vox[1], : size_vox[2]]
    return hidden


def _cube(corner: tuple[int, int, int], half: list[int]) -> tuple[slice, ...]:
    return (slice(None), *(slice(first, first + size) for first, size in zip(corner, half, strict=True)))


def _three(images: ViewSet) -> Triple:
    size0, size1, size2 = images.shape[-3:]
    return size0, size1, size2
