"""A few small synthetic scans and a tiny network, so that whole runs take seconds. All folders of tests share them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from orienteer.runs.run import Run

SMALL: dict[str, Any] = {
    "method": "spatial",
    "encoder": "tiny",
    "encoder_arguments": {"filters": [4, 8, 8, 8], "stem_stride": 1},
    "view_size": [16, 16, 16],
    "views": 3,
    "batch": 2,
    "steps": 6,
    "validate_every": 3,
    "validation_sets": 2,
    "log_every": 2,
    "workers": 0,
    "prepare_workers": 0,
    "accelerator": "cpu",
    "pictures": False,
}
"""Settings of a run of a second. Pictures would take most of the time: only the shared run `finished` draws them."""


@pytest.fixture(scope="session")
def torsos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six small synthetic scans."""
    from orienteer.phantoms.torso import write_phantoms

    folder = tmp_path_factory.mktemp("torsos")
    write_phantoms(folder, count=6, seed=0, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all runs: the scans are prepared once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def finished(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A finished run with pictures. Read it, do not write into it."""
    # imported here because it takes seconds, and most tests do not need it
    from orienteer.pretraining.pretrain import pretrain

    folder = tmp_path_factory.mktemp("runs") / "whole"
    return pretrain(torsos, folder, store=str(store), **{**SMALL, "pictures": True})
