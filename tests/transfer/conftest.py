"""One tiny finished run on synthetic scans, and encoders with made-up weights saved as a run saves them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from orienteer.encoders import build_encoder
from orienteer.scans.phantom import write_phantoms
from orienteer.training.run import Run, pretrain
from orienteer.training.weights import save_encoder
from orienteer.types import Triple
from tests.training.conftest import SMALL

SaveRun = Callable[..., Path]


@pytest.fixture(scope="session")
def torsos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six small synthetic scans."""
    folder = tmp_path_factory.mktemp("torsos")
    write_phantoms(folder, count=6, seed=0, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all runs: the scans are prepared once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def finished(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a tiny encoder. Read it, do not write into it."""
    return pretrain(torsos, tmp_path_factory.mktemp("runs") / "run", store=str(store), **SMALL)


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
"""What encoder.json says beside the network."""


@pytest.fixture
def save_run(tmp_path: Path) -> SaveRun:
    """Returns a function that saves an encoder with made-up weights, norms too, as a finished run does."""

    def save(name: str, view_size: Triple = (16, 16, 16), folder: str = "run", **arguments: Any) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            encoder = build_encoder(name, view_size, **arguments)
            with torch.no_grad():
                for parameter in encoder.parameters():
                    # Norms begin as one and zero: left so, nobody would see them swapped or lost.
                    parameter.add_(0.1 * torch.randn_like(parameter))
        run = tmp_path / folder
        run.mkdir()
        save_encoder(run, encoder, {"view_size": list(view_size), **FACTS})
        return run

    return save
