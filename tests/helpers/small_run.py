"""A few small synthetic scans and a tiny network, so that whole runs take seconds. All folders of tests share them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.shared import made_once

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
    "validation_fraction": 0.1,
    "validation_sets": 2,
    "header_steps": 0,
    "log_every": 2,
    "workers": 0,
    "prepare_workers": 0,
    "accelerator": "cpu",
    "pictures": False,
}
"""Settings of a run of a second. Pictures and header readers would take most of the time: only `finished` draws pictures."""


@pytest.fixture(scope="session")
def torsos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six small synthetic scans. Read them, do not change them."""

    def make(folder: Path) -> Path:
        from orienteer.phantoms.torso import write_phantoms

        write_phantoms(folder, count=6, seed=0, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
        return folder

    return made_once(tmp_path_factory, "torsos", make)


@pytest.fixture(scope="session")
def trained(torsos: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A finished run beside its store, which all workers copy."""

    def make(folder: Path) -> "Run":
        from orienteer.pretraining.pretrain import pretrain

        return pretrain(torsos, folder / "whole", store=str(folder / "store"), **{**SMALL, "pictures": True})

    return made_once(tmp_path_factory, "trained", make)


@pytest.fixture(scope="session")
def store(trained: "Run", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all runs of a worker: the scans are prepared already."""
    return shutil.copytree(trained.folder.with_name("store"), tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture(scope="session")
def finished(trained: "Run", store: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A finished run with pictures, on that store. Read it, do not write into it."""
    folder = shutil.copytree(trained.folder, tmp_path_factory.mktemp("runs") / "whole")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace(str(trained.folder.with_name("store")), str(store)))
    return replace(trained, folder=folder)
