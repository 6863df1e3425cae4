"""A run of a second or two, and an explorer of two scans that it was not trained on."""

from pathlib import Path

import pytest

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.open_scan import open_scan
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.loaded import LoadedRun, load_run
from tests.helpers.small_run import SMALL


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("explored")
    write_phantoms(folder / "scans", count=4, seed=0, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    pretrain(folder / "scans", folder / "run", store=str(folder / "store"), **{**SMALL, "pictures": False})
    return folder / "run"


@pytest.fixture(scope="session")
def new_scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two scans that the run was not trained on."""
    folder = tmp_path_factory.mktemp("new")
    return write_phantoms(folder, count=2, seed=9, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)


@pytest.fixture(scope="session")
def loaded(small_run: Path) -> LoadedRun:
    return load_run(small_run, device="cpu")


@pytest.fixture(scope="session")
def explorer(loaded: LoadedRun, new_scans: list[Path]) -> Explorer:
    """Two scans, features computed."""
    explorer = Explorer(loaded, *(open_scan(path, loaded) for path in new_scans))
    explorer.prepare(shown=False)
    return explorer


@pytest.fixture(scope="session")
def points_mm(explorer: Explorer) -> list[tuple[float, float, float]]:
    """Three points well inside the first scan."""
    low, high = explorer.first.bounds_mm
    positions = [(0.45, 0.5, 0.4), (0.55, 0.5, 0.6), (0.5, 0.45, 0.5)]
    return [
        tuple(a + part * (b - a) for a, b, part in zip(low, high, shares, strict=True))  # type: ignore[misc]
        for shares in positions
    ]
