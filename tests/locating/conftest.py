"""Fields of synthetic scans by an encoder with random weights, and a folder of scans with label maps."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from jaxtyping import Float32
from scipy import ndimage

from orienteer.encoders import build_encoder
from orienteer.features.pretrained import Pretrained, load
from orienteer.locating.fields import ScanField
from orienteer.locating.held import HeldScan
from orienteer.phantoms.torso import phantom, write_phantoms
from orienteer.runs.weights import save_encoder
from orienteer.scans.body import body_map

SPACING = 8.0
SHAPE = (40, 32, 48)


@pytest.fixture(scope="session")
def encoder_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an encoder that was never trained: grey values must do."""
    folder = tmp_path_factory.mktemp("encoder")
    rules = {"CT": {"window_hu": [-200.0, 300.0]}, "MR": {"percentiles_of_body": [0.5, 99.5]}}
    facts = {"view_size": [16, 16, 16], "spacing_mm": [SPACING] * 3, "axes": "RAS", "intensity": rules}
    save_encoder(folder, build_encoder("tiny", (16, 16, 16), filters=(4, 8, 8, 8), stem_stride=1), facts)
    return folder


@pytest.fixture(scope="session")
def pretrained(encoder_run: Path) -> Pretrained:
    return load(encoder_run)


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three synthetic torsos with label maps in labels/."""
    folder = tmp_path_factory.mktemp("torsos")
    write_phantoms(folder, count=3, seed=2, shape_vox=SHAPE, spacing_mm=SPACING, progress=False)
    return folder


@pytest.fixture(scope="session")
def torso_voxels() -> Float32[np.ndarray, "size0 size1 size2"]:
    """Voxels of one torso in [-1, 1], a little larger than what its field shows."""
    values = phantom(11, (48, 40, 56), SPACING).voxels.astype(np.float32)
    return np.clip(2 * (values + 200) / 500 - 1, -1, 1)


@pytest.fixture(scope="session")
def field_of(pretrained: Pretrained) -> Callable[..., ScanField]:
    """Returns a function from voxels in [-1, 1] and the centre of the first one to a field."""

    def make(voxels: np.ndarray, origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> ScanField:
        values = np.ascontiguousarray(voxels, np.float32)
        return HeldScan(values, body_map(values > -0.95), (SPACING,) * 3, origin_mm, "CT").field(pretrained)

    return make


@pytest.fixture(scope="session")
def moved() -> Callable[..., np.ndarray]:
    """Returns a function that resamples voxels: place x of the result shows place ``matrix @ x + offset`` of the voxels."""

    def apply(voxels: np.ndarray, matrix: np.ndarray, offset_vox: np.ndarray) -> np.ndarray:
        return ndimage.affine_transform(voxels, matrix, offset_vox, order=1, mode="nearest").astype(np.float32)

    return apply


def write_scan(path: Path, voxels: np.ndarray, direction: np.ndarray, origin=(10.0, -20.0, 30.0)) -> sitk.Image:
    """Writes voxels in the order of the file's axes, and returns the image."""
    image = sitk.GetImageFromArray(voxels.transpose(2, 1, 0))
    image.SetSpacing((SPACING, SPACING, SPACING))
    image.SetOrigin(origin)
    image.SetDirection(np.asarray(direction, float).reshape(-1).tolist())
    sitk.WriteImage(image, str(path))
    return image
