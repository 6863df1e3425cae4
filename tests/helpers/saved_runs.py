"""Encoders with random weights, saved as a run saves them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from orienteer.types import Triple

SaveRun = Callable[..., Path]


FACTS: dict[str, Any] = {
    "spacing_mm": [2.0, 2.0, 3.0],
    "axes": "RAS",
    "intensity": {
        "CT": {"window_hu": [-1000.0, 1000.0], "to": [-1, 1]},
        "MR": {"percentiles_of_body": [0.5, 99.5], "to": [-1, 1]},
    },
    "unit_mm": 100.0,
    "method": "default",
    "steps": 1,
    "seed": 0,
    "data_fingerprint": "0123456789abcdef",
    "licence": "CC-BY-4.0",
}
"""What encoder.json holds besides the description of the network."""


@pytest.fixture
def save_run(tmp_path: Path) -> SaveRun:
    """Returns a function that saves an encoder with random weights, norms included, as a finished run does."""
    import torch

    from orienteer.encoders import build_encoder
    from orienteer.runs.weights import save_encoder

    def save(name: str, view_size: "Triple" = (16, 16, 16), folder: str = "run", **arguments: Any) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            encoder = build_encoder(name, view_size, **arguments)
            with torch.no_grad():
                for parameter in encoder.parameters():
                    # Norms start as one and zero: without noise, swapped or lost ones would go unnoticed.
                    parameter.add_(0.1 * torch.randn_like(parameter))
        run = tmp_path / folder
        run.mkdir()
        save_encoder(run, encoder, {"view_size": list(view_size), **FACTS})
        return run

    return save
