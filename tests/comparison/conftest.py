"""One small comparison for all tests of this folder: labelled synthetic torsos, two methods that work and one that cannot."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fault_kills import NETWORK

PRETRAIN: dict[str, Any] = {**NETWORK, "steps": 2}
FINETUNE: dict[str, Any] = {
    "steps": 2,
    "batch": 1,
    "patch_size": [16, 16, 16],
    "overlap": 0.0,
    "accelerator": "cpu",
    "precision": "32",
}
SETTINGS: dict[str, Any] = {
    "cases": [4, 1, 2],
    "evaluate": "test",
    "fractions": [0.5],
    "seeds": [0],
    "parallel": 0,
    "pretrain": PRETRAIN,
    "finetune": FINETUNE,
    "probe": {"voxels": 50, "test_voxels": 200},
    "retrieval": {"partners": 1, "places": 100},
    "sides": {"views": 4},
}
"""Settings of a comparison of seconds: every step runs, with no aim at good results."""


@dataclass(frozen=True)
class Done:
    """A comparison that nothing disturbed. Read it, do not write into it."""

    data: Path
    store: Path
    settings: dict[str, Any]
    result: Any


@pytest.fixture(scope="session")
def labelled_torsos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled data set of seven small synthetic scans."""
    from orienteer.phantoms.dataset import write_phantom_set

    folder = tmp_path_factory.mktemp("labelled")
    write_phantom_set(folder, 7, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    return folder


@pytest.fixture(scope="session")
def compared(labelled_torsos: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    from orienteer.comparison.compare import compare

    store = tmp_path_factory.mktemp("compare_store")
    settings = {
        **SETTINGS,
        "store": str(store),
        "methods": ["scratch", "default"],
        "define": {"far apart": {"method": "paper", "min_distance_mm": 5000.0}},
    }
    made = compare(labelled_torsos, tmp_path_factory.mktemp("compared") / "out", **settings)
    return Done(labelled_torsos, store, settings, made)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Six small cases of two blobs, prepared whole: three to pretrain on, one to validate on, two to test on."""
    from orienteer.comparison.config import make_config
    from orienteer.comparison.plan.bench import set_up
    from tests.helpers.labelled import write_dataset

    folder = tmp_path_factory.mktemp("bench")
    data = write_dataset(folder / "data")
    return set_up(make_config({"data": str(data), "cases": [3, 1, 2]}), folder / "out")


@pytest.fixture(scope="session")
def preparation() -> Any:
    """How the cases of the bench are prepared."""
    from orienteer.scans.preparation import Preparation

    return Preparation(spacing_mm=(1.0, 1.0, 1.0), crop_to_body=False)
