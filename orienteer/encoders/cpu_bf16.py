"""A work-around for a fault of bfloat16 convolutions on CPUs.

Seen with torch 2.13 (oneDNN) on a CPU with AVX512-BF16: the weight gradient of a dense stride-1 convolution is wrong,
sometimes NaN, if the first axis of the grid has two cells (kernel 3) or up to four (kernel 5, where a second axis of
one cell also fails). Depthwise, strided and 1x1x1 convolutions are correct, and so is float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

FEW_CELLS = 8
"""With fewer cells than this along the first axis float32 is used: twice the number that was seen to fail; cheap."""


@contextmanager
def exact_where_bf16_fails(stage: nn.Module, x: Tensor, cells0: int) -> Iterator[Tensor]:
    """Yields ``x``, in float32 and without autocast if ``stage`` would be affected by the fault.

    Args:
        cells0: cells along the first axis of the stage's grid.

    Example:
        >>> x = torch.zeros(1, 4, 2, 2, 2, dtype=torch.bfloat16)
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     with exact_where_bf16_fails(nn.Conv3d(4, 4, 3, padding=1), x, cells0=2) as exact:
        ...         print(exact.dtype, torch.is_autocast_enabled("cpu"))
        torch.float32 False
    """
    at_risk = x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and cells0 < FEW_CELLS
    if at_risk and any(_dense(module) for module in stage.modules()):
        with torch.autocast("cpu", enabled=False):
            yield x.float()
    else:
        yield x


def _dense(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv3d)
        and module.groups == 1
        and max(module.kernel_size) > 1
        and module.kernel_size != module.stride  # patches that do not overlap
    )
