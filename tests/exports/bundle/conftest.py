"""Fixtures of the tests of MONAI bundles: fine-tuned models, and scans whose files lie in every way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.encoders import build_encoder
from orienteer.finetuning.segmentation.model import save_segmentation
from orienteer.finetuning.segmentation.network import build_segmenter
from orienteer.phantoms.torso import write_phantoms
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from tests.helpers.files import turned
from tests.helpers.finetuned import labelled_data as labelled_data
from tests.helpers.finetuned import labelled_store as labelled_store
from tests.helpers.finetuned import segmented as segmented
from tests.helpers.saved_models import classifier_folder as classifier_folder
from tests.helpers.saved_models import new_segmentation, varied, write_scan
from tests.helpers.saved_models import segmentation_folder as segmentation_folder
from tests.helpers.saved_models import varied_folder as varied_folder

GEOMETRIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "turned": {"spacing": (0.9, 1.1, 1.3), "direction": turned((0, 0, 0), (2, 0, 1), (-1, 1, -1))},
    "oblique": {"spacing": (0.9, 1.1, 0.6), "direction": turned((20, -10, 15))},
    "fine": {"spacing": (0.4, 0.4, 0.55), "direction": turned((0, 0, 0), (1, 0, 2), (1, -1, 1))},
}
"""Where the voxels of a scan lie. The last one is smoothed before its voxels grow."""


def write_scans(folder: Path) -> None:
    """Writes the same voxels in every geometry."""
    for name, geometry in GEOMETRIES.items():
        write_scan(folder, f"{name}.nii.gz", **{"origin": (12.3, -45.6, 78.9), **geometry})


@pytest.fixture(scope="session")
def mr_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of MR scans."""
    folder = tmp_path_factory.mktemp("mr_scans")
    write_scans(folder)
    return folder


@pytest.fixture(scope="session")
def torso_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """imagesTr and labelsTr of three synthetic CTs; the second one is oblique."""
    folder = tmp_path_factory.mktemp("torso_data")
    write_phantoms(folder / "made", count=3, seed=2, shape_vox=(60, 48, 72), spacing_mm=5.3, progress=False)
    for number, path in enumerate(sorted((folder / "made").glob("*.nii.gz"))):
        for part, source in (("imagesTr", path), ("labelsTr", folder / "made/labels" / path.name)):
            image = sitk.ReadImage(str(source))
            if part == "labelsTr":
                image = sitk.GetImageFromArray(np.minimum(sitk.GetArrayFromImage(image), 3))
                image.CopyInformation(sitk.ReadImage(str(path)))
            if number == 1:
                image.SetDirection(turned((8, -5, 4)).ravel().tolist())
            (folder / part).mkdir(exist_ok=True)
            sitk.WriteImage(image, str(folder / part / path.name))
    return folder


@pytest.fixture(scope="session")
def ct_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmentation of CTs whose network begins with a stride: its outputs are smaller than its images."""
    encoder = build_encoder("tiny", (16, 16, 16), filters=[4, 8, 8])
    network, _ = build_segmenter(encoder, 3, deep_supervision=False, seed=0)
    model = varied(new_segmentation(
        network=network.eval(), selection=Selection(modality="auto"),
        preparation=Preparation(spacing_mm=(8.0, 8.0, 9.0), ct_window_hu=(-160.0, 240.0), crop_to_body=False),
    ))  # fmt: skip
    folder = tmp_path_factory.mktemp("ct_model")
    save_segmentation(folder, model, {})
    return folder
