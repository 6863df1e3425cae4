"""A model that makes no errors with a scan that it can decode, and two small reports."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.phantoms.torso import write_phantoms
from orienteer.report.observe import Observation, observe
from orienteer.report.whole_scan import WholeScan
from orienteer.runs.loaded import LoadedRun
from tests.helpers.oracle import coded_scan, oracle_run

QUICK: dict[str, Any] = {"sets": 3, "own_scans": 3, "device": "cpu", "prepare_workers": 0}
"""Settings of a report of a few seconds."""


@pytest.fixture(scope="session")
def oracle() -> LoadedRun:
    """A model that decodes the position of a view from its voxels, to a fraction of a mm."""
    return oracle_run()


@pytest.fixture(scope="session")
def coded() -> WholeScan:
    """A scan whose voxels encode their position in the body."""
    return coded_scan(np.random.default_rng(0))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New scans: a sound one, a copy of it, another modality, one that is too small, coarse voxels, and a broken file."""
    folder = tmp_path_factory.mktemp("mixed")
    (sound,) = write_phantoms(folder, 1, seed=5, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)
    shutil.copy(sound, folder / "again.nii.gz")
    rng = np.random.default_rng(0)
    body = np.zeros((48, 40, 40), np.float32)
    body[4:44, 4:36, 4:36] = rng.gamma(4.0, 100.0, (40, 32, 32))
    write(folder / "brain.nii.gz", body, 8.0)
    write(folder / "small.nii.gz", rng.integers(-50, 80, (10, 10, 10)).astype(np.int16), 8.0)
    write(folder / "coarse.nii.gz", sitk.GetArrayFromImage(sitk.ReadImage(str(sound)))[::2, ::2, ::2], 16.0)
    (folder / "broken.nii.gz").write_bytes(b"no scan at all")
    return folder


@pytest.fixture(scope="session")
def bare(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder without metrics and pictures, of which a report is quickly drawn."""
    folder = tmp_path_factory.mktemp("bare") / "run"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("pictures", "metrics.jsonl"))
    return folder


@pytest.fixture(scope="session")
def new(finished: Any, mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Observation:
    """A report on new scans."""
    return observe(finished.folder, mixed, out=tmp_path_factory.mktemp("reports"), drawn=1, **QUICK)


@pytest.fixture(scope="session")
def own(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Observation:
    """A report on the run's own held-out scans."""
    return observe(finished.folder, out=tmp_path_factory.mktemp("reports") / "own.html", drawn=2, **QUICK)


def write(path: Path, values: np.ndarray, spacing: float) -> None:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((spacing,) * 3)
    sitk.WriteImage(image, str(path))
