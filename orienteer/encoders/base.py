"""The contract of an encoder: a network of a well-kept library, plus what it says about itself."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
from orienteer.errors import InputError
from orienteer.types import Triple


class Encoder(nn.Module):
    """A 3D network that turns views into a pyramid of feature maps, finest level first.

    Subclasses build the library's own modules under the library's own names in ``__init__``, and say:

    Attributes:
        family: key in ``ENCODERS`` from which `build_encoder` can build it again.
        arguments: keyword arguments for that, plain JSON values.
        view_size: the size in voxels of the views that it was built for. Most families take any size that passes
            `check_size`; those with a position embedding take this one only.
        channels: channels of each level.
        strides: voxels per cell of each level, per axis.
        divisor: each view size must be a multiple of this, per axis.
        min_cells: least number of cells of the last level. Two for families that normalise each channel over its
            cells: over a single cell that gives a constant, whatever the view shows.
        target: the full class that users load the weights into, as ``package.module.Class``, with its arguments in
            `target_arguments`; None where there is none.
        target_outputs: the argument of that class that sets how many classes it segments.
        grad_checkpointing: recompute each stage in the backward pass: less memory, about a third more time.
    """

    family: str
    arguments: Mapping[str, Any]
    view_size: Triple
    channels: tuple[int, ...]
    strides: tuple[Triple, ...]
    divisor: Triple
    min_cells: ClassVar[int] = 1
    target: str | None = None
    target_arguments: Mapping[str, Any]
    target_outputs: ClassVar[str] = "out_channels"
    grad_checkpointing: bool = False

    def stages(self) -> list[nn.Sequential]:
        """Returns one sequence of modules per level; stage 0 takes the image, stage k what stage k-1 gave.

        With `grad_checkpointing` the members of each sequence are recomputed one by one.
        """
        raise NotImplementedError

    def level(self, x: Float[Tensor, "items channels cells0 cells1 cells2"]) -> Tensor:
        """Returns what leaves the encoder of a stage's output: a normalisation that the next stage does not see."""
        return x

    def decoder(self) -> nn.ModuleList:
        """Returns the blocks that go up again, coarsest first; none where only the way down is pretrained."""
        return nn.ModuleList()

    def decode(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Returns the levels that leave the network, of the same shapes: those of the decoder, where there is one."""
        return levels

    def forward(self, images: Float[Tensor, "items 1 size0 size1 size2"]) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first: ``(items, channels, cells0, cells1, cells2)`` each.

        Raises:
            InputError: a size is not a multiple of the divisor; the message names the size to use.
        """
        return self.decode(self.encode(images))

    def encode(self, images: Float[Tensor, "items 1 size0 size1 size2"]) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns what the way down gives, finest level first: what `forward` gives where there is no decoder.

        Raises:
            InputError: as `forward`.
        """
        size0, size1, size2 = images.shape[-3:]
        self.check_size((size0, size1, size2))
        recompute = self.grad_checkpointing and self.training
        levels, x = [], images
        for stage, stride in zip(self.stages(), self.strides, strict=True):
            with exact_where_bf16_fails(stage, x, size0 // stride[0]) as x:
                for part in stage:
                    x = checkpoint(part, x, use_reentrant=False) if recompute else part(x)
                levels.append(self.level(x))
        return tuple(levels)

    def check_size(self, size_vox: Triple) -> None:
        """Raises an InputError that computes the right size where ``size_vox`` does not fit."""
        multiples = tuple(max(1, round(size / div)) for size, div in zip(size_vox, self.divisor, strict=True))
        if math.prod(multiples) < self.min_cells:
            multiples = (self.min_cells,) * 3
        fitting = tuple(multiple * div for multiple, div in zip(multiples, self.divisor, strict=True))
        if tuple(size_vox) != fitting:
            more = f", with at least {self.min_cells} cells in the last level" if self.min_cells > 1 else ""
            raise InputError(
                "view_size",
                wanted=f"multiples of {self.divisor} for encoder '{self.family}'{more}",
                got=str(tuple(size_vox)),
                do=f"use {fitting}",
            )

    def transferable(self) -> dict[str, Tensor]:
        """Returns the pretrained weights under the names that the target class expects them by.

        Load them with ``strict=False``: what they leave out is the output layer, the decoder where it is not pretrained,
        and the second names that some libraries give to modules which they hold twice.
        """
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}


def strides_so_far(steps: Sequence[Triple]) -> tuple[Triple, ...]:
    """Returns voxels per cell of each level from each stage's own stride.

    Example:
        >>> strides_so_far([(1, 1, 1), (1, 2, 2), (2, 2, 2)])
        ((1, 1, 1), (1, 2, 2), (2, 4, 4))
    """
    total, strides = (1, 1, 1), []
    for step in steps:
        total = (total[0] * step[0], total[1] * step[1], total[2] * step[2])
        strides.append(total)
    return tuple(strides)


def as_triple(value: int | Sequence[int]) -> Triple:
    """Returns the same whole number on all axes, or three of them as they are.

    Example:
        >>> as_triple(2), as_triple([1, 2, 2])
        ((2, 2, 2), (1, 2, 2))
    """
    if isinstance(value, int):
        return value, value, value
    if len(value) != 3:
        raise InputError("encoder argument", wanted="one number or three", got=str(value), do="give one per axis")
    return value[0], value[1], value[2]
