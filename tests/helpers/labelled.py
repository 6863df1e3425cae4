"""Small labelled scans: two blobs of different brightness in noise, and settings of a fine-tuning that takes seconds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from orienteer.scans.source import ScanSource
from orienteer.types import Triple
from tests.helpers.files import image_of, source_of

SMALL: dict[str, Any] = {
    "encoder": "tiny",
    "encoder_arguments": {"filters": [4, 8, 8], "stem_stride": 1},
    "patch_size": [16, 16, 16],
    "steps": 4,
    "batch": 2,
    "folds": 3,
    "log_every": 1,
    "prepare_workers": 0,
    "accelerator": "cpu",
    "precision": "32",
    "pictures": False,
}
"""Settings of a fine-tuning that takes a second or two."""

SHAPE = (18, 20, 16)


def case_arrays(seed: int, shape: Triple = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Returns voxels and labels in the file's axis order (x, y, z): class 1 is bright, class 2 is grey, the rest is dark."""
    rng = np.random.default_rng(seed)
    image = 300 + 40 * rng.standard_normal(shape)
    labels = np.zeros(shape, np.uint8)
    for number, value in ((1, 900), (2, 600)):
        centre = [edge * (0.3 if number == 1 else 0.7) + rng.uniform(-1, 1) for edge in shape]
        grid = np.meshgrid(*(np.arange(edge) for edge in shape), indexing="ij")
        blob = sum(((axis - at) / 3.5) ** 2 for axis, at in zip(grid, centre, strict=True)) < 1
        image[blob], labels[blob] = value + 40 * rng.standard_normal(int(blob.sum())), number
    return image.astype(np.int16), labels


def write_case(folder: Path, name: str, seed: int, shape: Triple = SHAPE, **geometry: Any) -> ScanSource:
    """Writes imagesTr/NAME and labelsTr/NAME."""
    voxels, labels = case_arrays(seed, shape)
    geometry = {"spacing": (1.0, 1.0, 1.0), **geometry}
    for kind, values in (("imagesTr", voxels), ("labelsTr", labels)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image_of(values, **geometry), str(folder / kind / name))
    return source_of(folder / "imagesTr" / name)


def rewrite_labels(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Rewrites a label map with changed values.

    Args:
        path: the label map.
        change: from values in the file's axis order to new ones.
    """
    image = sitk.ReadImage(str(path))
    values = change(sitk.GetArrayFromImage(image).transpose(2, 1, 0).copy())
    changed = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))


def write_json(folder: Path, **changes: Any) -> Path:
    """Writes a dataset.json in the form of the Medical Segmentation Decathlon, of all cases in the folder."""
    names = sorted(path.name for path in (folder / "imagesTr").iterdir())
    content = {
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "bright", "2": "grey"},
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
        **changes,
    }
    path = folder / "dataset.json"
    path.write_text(json.dumps(content))
    return path


def write_dataset(folder: Path, cases: int = 6) -> Path:
    """Writes a small data set and returns its dataset.json."""
    for seed in range(cases):
        write_case(folder, f"case_{seed}.nii.gz", seed)
    return write_json(folder)
