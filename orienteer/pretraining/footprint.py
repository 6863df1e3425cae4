"""What a training step needs on any GPU, counted on this machine: its memory, and its floating-point operations."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

TRAINED_BYTES = 12
"""Per weight: itself, and AdamW's two means, in 32 bits each; autocast keeps these at any precision."""

FIXED_BYTES = 4
"""Per weight that is not trained, as those of a teacher."""


@dataclass
class Footprint:
    """What one step of one device needs. The counts are exact for these sizes; what a GPU adds to them is not in them.

    Attributes:
        weight_bytes: weights, and the optimiser's means.
        peak_bytes: the most that views, feature maps and gradients take at one time, forward and backward.
        flops: floating-point operations of convolutions and matrix products, forward and backward; a multiplication and
            an addition are two.
    """

    weight_bytes: int = 0
    peak_bytes: int = 0
    flops: int = 0

    @property
    def memory_bytes(self) -> int:
        """Memory of all tensors; work space of cuDNN and gaps of the allocator come on top."""
        return self.weight_bytes + self.peak_bytes


@contextmanager
def counted(network: nn.Module) -> Iterator[Footprint]:
    """Counts what a forward and a backward pass of a network inside the block need; complete when the block is left.

    Example:
        >>> import torch
        >>> layer = nn.Linear(8, 4, bias=False)
        >>> with counted(layer) as footprint:
        ...     layer(torch.ones(2, 8, requires_grad=True)).sum().backward()
        >>> footprint.flops == 3 * (2 * 2 * 8 * 4), footprint.weight_bytes
        (True, 384)
    """
    footprint = Footprint(weight_bytes=weight_bytes(network))
    live = _Live((*network.parameters(), *network.buffers()))
    with FlopCounterMode(display=False) as flops, live:
        yield footprint
    footprint.peak_bytes, footprint.flops = live.peak, flops.get_total_flops()


def weight_bytes(network: nn.Module) -> int:
    """Returns the memory of weights and optimiser while a network is trained."""
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    fixed = sum(weight.numel() for weight in network.parameters() if not weight.requires_grad)
    return TRAINED_BYTES * trained + FIXED_BYTES * fixed


@dataclass
class _Live(TorchDispatchMode):
    """Adds up the memory of all tensors that operations take and give, for as long as they exist.

    Attributes:
        weights: tensors that are not counted.
        peak: the largest sum so far, in bytes.
    """

    weights: Iterable[Tensor]
    peak: int = 0
    _sizes: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = {_key(weight) for weight in self.weights}
        self._sum = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs an operation, and counts its tensors."""
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        key, storage = _key(tensor), tensor.untyped_storage()
        if key in self._known or key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self._sum += storage.nbytes()
        self.peak = max(self.peak, self._sum)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self._sum -= self._sizes.pop(key, 0)


def _key(tensor: Tensor) -> int:
    return int(StorageWeakRef(tensor.untyped_storage()).cdata)
