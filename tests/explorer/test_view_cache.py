"""The cache of feature maps."""

import pytest
import torch

from orienteer.explorer.view_cache import ViewCache


def test_a_view_is_encoded_once():
    cache = ViewCache()
    first = cache.get(("first", (0, 0, 0)), lambda: (torch.ones(1),))
    assert cache.get(("first", (0, 0, 0)), lambda: pytest.fail("encoded again")) is first
    assert cache.get(("second", (0, 0, 0)), lambda: (torch.zeros(1),)) is not first


def test_the_least_recently_used_view_is_dropped():
    cache = ViewCache(most_bytes=8)  # two float32 numbers
    for number in range(2):
        cache.get(("first", (number, 0, 0)), lambda: (torch.ones(1),))
    cache.get(("first", (0, 0, 0)), lambda: pytest.fail("encoded again"))
    cache.get(("first", (2, 0, 0)), lambda: (torch.ones(1),))
    cache.get(("first", (0, 0, 0)), lambda: pytest.fail("encoded again"))
    with pytest.raises(ValueError, match="was dropped"):
        cache.get(("first", (1, 0, 0)), raising)


def test_one_view_is_kept_whatever_its_size():
    cache = ViewCache(most_bytes=1)
    cache.get(("first", (0, 0, 0)), lambda: (torch.ones(100),))
    cache.get(("first", (0, 0, 0)), lambda: pytest.fail("encoded again"))


def raising():
    raise ValueError("was dropped")
