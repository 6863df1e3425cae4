"""Whether an exported network computes the run's features, compared before anything is written."""

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.types import Triple

TOLERANCE = 1e-4
"""Largest difference of features, as a share of their largest value: float32 rounding over some dozens of layers is 1e-6
to 1e-5, and a single tensor in the wrong place is of the order of 1."""


def require_same_features(what: str, difference: float) -> None:
    """Stops an export whose features are not the encoder's.

    Raises:
        InputError: they differ by more than rounding.
    """
    if not difference <= TOLERANCE:
        raise InputError(
            what,
            wanted=f"the run's features, to {TOLERANCE:g} of the largest",
            got=f"a difference of {difference:.2g}; nothing was written",
            do="install the versions that encoder.json lists, and report this if it persists",
        )


def largest_difference(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """Returns the largest difference of any level, as a share of that level's largest value; NaN where one is NaN.

    Example:
        >>> largest_difference((torch.tensor([1.0, -4.0]),), (torch.tensor([1.0, -3.0]),))
        0.25
    """
    if [level.shape for level in ours] != [level.shape for level in theirs]:
        return float("inf")
    shares = [((a - b).abs().max() / a.abs().max()).item() for a, b in zip(ours, theirs, strict=True)]
    return float("nan") if any(share != share for share in shares) else max(shares)


def random_images(batch: int, size: Triple, seed: int = 0) -> Float[Tensor, "batch 1 size0 size1 size2"]:
    """Returns images of noise with values from -1 to 1."""
    return torch.rand(batch, 1, *size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def small_size(encoder: Encoder) -> Triple:
    """Returns a small view size that the encoder takes, for quick checks: twice its divisor where possible."""
    size0, size1, size2 = (2 * step for step in encoder.divisor)
    try:
        encoder.check_size((size0, size1, size2))
    except InputError:
        return encoder.view_size
    return size0, size1, size2
