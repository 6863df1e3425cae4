"""The fixture that writes files as others publish them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import nn

Publish = Callable[[str, "nn.Module"], Path]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Returns a function that writes the file of a kind, see `tests.helpers.published`."""
    import torch

    from tests.helpers.published import published

    def write(kind: str, network: "nn.Module") -> Path:
        (tmp_path / "published").mkdir(exist_ok=True)
        torch.save(published(kind, network), tmp_path / "published" / kind)
        return tmp_path / "published" / kind

    return write
