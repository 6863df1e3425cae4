"""The contract of an encoder: a network of a maintained library, with a description of itself."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from orienteer.encoders.cpu_bf16 import exact_where_bf16_fails
from orienteer.settings import require
from orienteer.types import Triple


class Encoder(nn.Module):
    """A 3D network that turns views into a pyramid of feature maps, finest level first.

    Subclasses build the library's modules under the library's names in ``__init__``, and set:

    Attributes:
        family: key in ``ENCODERS`` with which `build_encoder` can rebuild it.
        arguments: the keyword arguments for rebuilding it, plain JSON values.
        view_size: the size in voxels of the views that it was built for. Most families take any size that passes
            `check_size`; those with a position embedding take this one only.
        channels: channels of each level.
        strides: voxels per cell of each level, per axis.
        divisor: each view size must be a multiple of this, per axis.
        min_cells: minimum number of cells of the last level. Two for families that normalise each channel over its
            cells: over a single cell this gives a constant, whatever the input.
        target: the class of the full network that users load the weights into, as ``package.module.Class``, with its
            arguments in `target_arguments`; None if there is none.
        target_outputs: the argument of that class that sets the number of segmented classes.
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
        """Returns one sequence of modules per level; stage 0 takes the image, stage k the output of stage k-1.

        With `grad_checkpointing` the members of each sequence are recomputed one by one.
        """
        raise NotImplementedError

    def level(self, x: Float[Tensor, "items channels cells0 cells1 cells2"]) -> Tensor:
        """Returns the feature map of a level from the output of its stage: a normalisation that the next stage skips."""
        return x

    def decoder(self) -> nn.ModuleList:
        """Returns the blocks of the decoder, coarsest first; none if only the encoder is pretrained."""
        return nn.ModuleList()

    def decode(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Returns the output levels, of the same shapes: those of the decoder, if there is one."""
        return levels

    def forward(self, images: Float[Tensor, "items 1 size0 size1 size2"]) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns the feature maps of every level, finest first: ``(items, channels, cells0, cells1, cells2)`` each.

        Raises:
            InputError: a size is not a multiple of the divisor; the message names the size to use.
        """
        return self.decode(self.encode(images))

    def encode(self, images: Float[Tensor, "items 1 size0 size1 size2"]) -> tuple[Float[Tensor, "items _ _ _ _"], ...]:
        """Returns the output of the encoder path, finest level first: that of `forward`, if there is no decoder.

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
        """Raises an InputError with the nearest size that fits, if ``size_vox`` does not."""
        multiples = tuple(max(1, round(size / div)) for size, div in zip(size_vox, self.divisor, strict=True))
        if math.prod(multiples) < self.min_cells:
            multiples = (self.min_cells,) * 3
        fitting = tuple(multiple * div for multiple, div in zip(multiples, self.divisor, strict=True))
        more = f", with at least {self.min_cells} cells in the last level" if self.min_cells > 1 else ""
        wanted = f"multiples of {self.divisor} for encoder '{self.family}'{more}"
        require(tuple(size_vox) == fitting, "view_size", wanted, tuple(size_vox), f"use {fitting}")

    def transferable(self) -> dict[str, Tensor]:
        """Returns the pretrained weights under their names in the target class.

        Load them with ``strict=False``: missing are the output layer, the decoder if it is not pretrained, and the second
        names that some libraries give to modules which they register twice.
        """
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}


def strides_so_far(steps: Sequence[Triple]) -> tuple[Triple, ...]:
    """Returns voxels per cell of each level from the stride of each stage.

    Example:
        >>> strides_so_far([(1, 1, 1), (1, 2, 2), (2, 2, 2)])
        ((1, 1, 1), (1, 2, 2), (2, 4, 4))
    """
    total: Triple = (1, 1, 1)
    strides = []
    for step in steps:
        total = (total[0] * step[0], total[1] * step[1], total[2] * step[2])
        strides.append(total)
    return tuple(strides)


def as_triple(value: int | Sequence[int]) -> Triple:
    """Returns one whole number for all axes as a triple, or three of them unchanged.

    Example:
        >>> as_triple(2), as_triple([1, 2, 2])
        ((2, 2, 2), (1, 2, 2))
    """
    if isinstance(value, int):
        return value, value, value
    require(len(value) == 3, "encoder argument", "one number or three", value, "give one per axis")
    return value[0], value[1], value[2]
