"""Small fine-tuned models with new weights, and scans to predict."""

from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
import torch

from orienteer.encoders import build_encoder
from orienteer.finetuning.classification.model import ClassifierModel, save_classifier
from orienteer.finetuning.classification.network import Classifier
from orienteer.finetuning.segmentation.model import SegmentationModel, save_segmentation
from orienteer.finetuning.segmentation.network import build_segmenter
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import ScanSource, Selection
from tests.helpers.files import image_of, source_of
from tests.helpers.labelled import case_arrays

SIZE = (16, 16, 16)


def new_segmentation(**changes: Any) -> SegmentationModel:
    """Returns a segmentation of two classes with the values 2 and 5."""
    encoder = build_encoder("tiny", SIZE, filters=[4, 8, 8], stem_stride=1)
    names = {0: "background", 2: "bright", 5: "grey"}
    network, _ = build_segmenter(encoder, len(names), deep_supervision=False, seed=0)
    fields: dict[str, Any] = {
        "network": network.eval(),
        "classes": names,
        "patch_size": SIZE,
        "overlap": 0.5,
        "preparation": Preparation(spacing_mm=(1.0, 1.0, 1.0), crop_to_body=False),
        "selection": Selection(modality="MR"),
        "device": torch.device("cpu"),
    }
    return SegmentationModel(**{**fields, **changes})


def varied(model: SegmentationModel) -> SegmentationModel:
    """Shifts the outputs of a new network so that it predicts every class somewhere in `case_arrays`."""
    values = torch.from_numpy(case_arrays(0)[0].astype("float32"))
    low, high = values.quantile(0.005), values.quantile(0.995)
    images = (2 * (values - low) / (high - low) - 1).clamp(-1, 1)[None, None]
    images = images[:, :, : images.shape[2] // 8 * 8, : images.shape[3] // 8 * 8, : images.shape[4] // 8 * 8]
    convolutions = [each for each in model.network.modules() if isinstance(each, torch.nn.Conv3d)]
    output = [each for each in convolutions if each.out_channels == len(model.classes)][-1]
    with torch.no_grad():
        logits = model.network(images)
        output.bias -= logits.mean(dim=(0, 2, 3, 4))
    return model


def new_classifier(**changes: Any) -> ClassifierModel:
    """Returns a classifier of two classes."""
    fields: dict[str, Any] = {
        "network": Classifier(build_encoder("tiny", SIZE, filters=[4, 8, 8]), 2, seed=0),
        "classes": ("ill", "well"),
        "view_size": SIZE,
        "overlap": 0.25,
        "preparation": Preparation(spacing_mm=(1.0, 1.5, 2.0), ct_window_hu=(-100.0, 300.0)),
        "selection": Selection(modality="CT"),
    }
    return ClassifierModel(**{**fields, **changes})


@pytest.fixture(scope="session")
def segmentation_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a segmentation. Read it, do not write into it."""
    folder = tmp_path_factory.mktemp("segmentation_model")
    save_segmentation(folder, new_segmentation(), {})
    return folder


@pytest.fixture(scope="session")
def varied_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a segmentation that predicts every class. Read it, do not write into it."""
    folder = tmp_path_factory.mktemp("varied_model")
    save_segmentation(folder, varied(new_segmentation()), {})
    return folder


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier. Read it, do not write into it."""
    folder = tmp_path_factory.mktemp("classifier_model")
    save_classifier(folder, new_classifier(), {})
    return folder


def write_scan(folder: Path, name: str, seed: int = 0, **geometry: Any) -> ScanSource:
    """Writes a small MR scan and returns it as a source."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    image = image_of(case_arrays(seed)[0], **{"spacing": (1.0, 1.0, 1.0), **geometry})
    sitk.WriteImage(image, str(folder / name))
    return source_of(folder / name)


def itk_geometry(path: Path) -> tuple[Any, ...]:
    """Returns size, spacing, origin and direction of a file."""
    image = sitk.ReadImage(str(path))
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
