"""A cache of the feature maps of views, limited in bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from orienteer.types import Triple

CACHE_BYTES = 512 * 2**20
"""Memory for the feature maps of recent views."""

Levels: TypeAlias = tuple[Tensor, ...]
"""The feature maps of one view, ``(channels, cells...)`` each."""

Key: TypeAlias = tuple[str, Triple]
"""A scan and the first voxel of a view."""


class ViewCache:
    """Keeps the feature maps of the views that were used last. It may be used by several threads.

    Args:
        most_bytes: memory for feature maps; one view is kept whatever its size.

    Example:
        >>> import torch
        >>> cache = ViewCache()
        >>> cache.get(("first", (0, 0, 0)), lambda: (torch.ones(1),))
        (tensor([1.]),)
        >>> cache.get(("first", (0, 0, 0)), lambda: (torch.zeros(1),))
        (tensor([1.]),)
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._views: OrderedDict[Key, Levels] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, encode: Callable[[], Levels]) -> Levels:
        """Returns the feature maps of a view, from the cache or from ``encode``."""
        with self._lock:
            if key not in self._views:
                self._views[key] = encode()
                while len(self._views) > 1 and sum(map(_nbytes, self._views.values())) > self._most_bytes:
                    self._views.popitem(last=False)
            self._views.move_to_end(key)
            return self._views[key]


def _nbytes(levels: Levels) -> int:
    return sum(level.nbytes for level in levels)
