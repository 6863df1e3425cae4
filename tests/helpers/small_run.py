"""A few small synthetic scans and a tiny network, so that whole runs take seconds. Shared by all folders of tests."""

from pathlib import Path
from typing import Any

import pytest

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
}
"""Settings of a run of a second or two."""


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
def finished(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that nothing disturbed. Read it, do not write into it."""
    # here, not above: it takes seconds, and most tests never need it
    from orienteer.pretraining.pretrain import pretrain

    return pretrain(torsos, tmp_path_factory.mktemp("runs") / "whole", store=str(store), **SMALL)
