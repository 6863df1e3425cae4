"""Weights for several input channels from an encoder that was trained on one."""

from jaxtyping import Float
from torch import Tensor


def for_channels(weight: Float[Tensor, "out 1 *kernel"], channels: int) -> Float[Tensor, "out channels *kernel"]:
    """Returns a first convolution for several channels that gives the same where all of them show the same image.

    Example:
        >>> import torch
        >>> for_channels(torch.ones(2, 1, 3, 3, 3), 4)[:, :, 0, 0, 0].tolist()
        [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]
    """
    return weight.expand(-1, channels, *weight.shape[2:]) / channels


def is_stem(ours: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor is a convolution over one input channel where the target has several."""
    return (
        ours.ndim == 5 and ours.shape[1] == 1 and ours.shape != wanted.shape and ours[:, 0].shape == wanted[:, 0].shape
    )
