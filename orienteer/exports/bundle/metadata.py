"""metadata.json of a bundle, by MONAI's bundle specification, and its README."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from orienteer.exports.bundle.configs import BundleFacts

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
"""Of the bundles of MONAI's model zoo."""

BUNDLE_VERSION = "0.1.0"

UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True)
class BundleText:
    """What a bundle says about itself.

    Attributes:
        name: of the bundle.
        pretrained: the decoder is not trained: the bundle is a start, not a finished network.
        licence: of the weights, as the card has it.
        sha256: of the weights that it was made from.
        start: of a fine-tuning: from which weights it began, ``pretrained`` or ``scratch``.
    """

    name: str
    pretrained: bool
    licence: str
    sha256: str
    start: str = "pretrained"

    @property
    def licence_known(self) -> bool:
        """Whether the licence was filled in."""
        return not self.licence.lower().startswith(UNKNOWN_LICENCE)


def metadata(facts: BundleFacts, text: BundleText, target: str) -> dict[str, Any]:
    """Returns the content of metadata.json.

    Args:
        facts: of the configs.
        text: what the bundle says about itself.
        target: class of the network.
    """
    packages = ["nibabel", "pytorch-ignite", "scipy", "einops", "fire"]
    if not target.startswith("monai."):
        packages.append("dynamic-network-architectures")
    task = "Start of a segmentation, pretrained without labels" if text.pretrained else "Segmentation"
    labels = ", ".join(f"{value} is {name}" for value, name in facts.classes.items())
    return {
        "schema": SCHEMA,
        "version": BUNDLE_VERSION,
        "changelog": {BUNDLE_VERSION: "exported by orienteer"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").partition("+")[0],
        "numpy_version": version("numpy"),
        "optional_packages_version": {name: _version(name) for name in packages},
        "required_packages_version": {name: _version(name) for name in packages},
        "name": text.name,
        "task": task,
        "description": _description(text),
        "authors": "not stated",
        "copyright": text.licence,
        "data_source": "not stated",
        "data_type": "nibabel",
        "image_classes": "one channel; values from -1 to 1 after preparation",
        "label_classes": labels,
        "pred_classes": f"{len(facts.classes)} channels of logits, in the order of the label values: {labels}",
        "intended_use": "Research. Not for diagnosis.",
        "orienteer": {"weights_sha256": text.sha256, "version": version("orienteer")},
        "network_data_format": _data_format(facts),
    }


def _data_format(facts: BundleFacts) -> dict[str, Any]:
    modality = facts.recipe["modality"]
    common = {"type": "image", "dtype": "float32", "is_patch_data": True, "spatial_shape": list(facts.patch_size)}
    image = {
        **common,
        "format": "hounsfield" if modality == "CT" else "magnitude",
        "modality": "n/a" if modality == "auto" else modality,
        "num_channels": 1,
        "value_range": [-1, 1],
        "channel_def": {"0": "image"},
    }
    pred = {
        **common,
        "format": "segmentation",
        "modality": "n/a",
        "num_channels": len(facts.classes),
        "value_range": [],
        "channel_def": {str(number): name for number, name in enumerate(facts.classes.values())},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": pred}}


def readme(facts: BundleFacts, text: BundleText) -> str:
    """Returns docs/README.md."""
    recipe, run = facts.recipe, "python -m monai.bundle run --bundle_root . --config_file"
    spacing = " x ".join(f"{length:g}" for length in recipe["spacing_mm"])
    lines = [
        f"# {text.name}",
        _description(text),
        "## Labels" if not text.pretrained else "## Labels after training",
        _labels(facts),
        "## Run it",
        "In the folder of the bundle, with the packages that `configs/metadata.json` lists. orienteer is not needed.",
        f"    {run} configs/inference.json --dataset_dir SCANS --output_dir OUT",
        _INFERENCE[text.pretrained],
        f"    {run} configs/train.json --dataset_dir DATA",
        "trains on the pairs in `DATA/imagesTr` and `DATA/labelsTr` (every fifth case is for validation) from "
        "`models/model.pt`, and saves the best weights as `models/finetuned.pt`. Patches are not mirrored: add flips "
        "where left and right do not matter.",
        _AFTER[text.pretrained].replace("RUN", run),
        "## Preparation",
        f"The scripts turn a scan to the body's axes (RAS), resample it to {spacing} mm with smoothing where voxels grow, "
        f"and map its values to -1 to 1: CT from {recipe['ct_window_hu']} HU, MR between the percentiles "
        f"{recipe['mr_percentiles']} of its body. Modality: {recipe['modality']}. Results are put back on the voxels of "
        "the scan's own file.",
        "## Licence",
        f"Weights: {text.licence}\n\nScripts: Apache License 2.0.",
    ]
    return "\n\n".join(lines) + "\n"


def _labels(facts: BundleFacts) -> str:
    """Returns the list of labels, with the values of the data set where these are others."""
    values = list(facts.classes)
    lines = [f"- {number}: {name}" for number, name in enumerate(facts.classes.values())]
    if values == list(range(len(values))):
        return "\n".join(lines)
    others = [f"{line} ({value} in the data set)" for line, value in zip(lines, values, strict=True)]
    return "\n".join(others) + f"\n\nFor the values of the data set add `--label_values '{values}'` to inference."


_INFERENCE = {
    False: "writes a label map on the voxels of each scan: `NAME_seg.nii.gz`.",
    True: "writes the pretrained features of each scan, `NAME.nii.gz.npz`: `vector` is the mean over the views of the "
    "body, `vectors` and `centres_mm` are those of each view. Label maps need training first.",
}

_AFTER = {
    False: "To predict with them, add `--checkpoint models/finetuned.pt` to inference.\n\n## 3D Slicer and MONAI Label\n\n"
    "Put this folder into the `model` folder of MONAI Label's app *monaibundle*, start the server with "
    "`--conf models NAME_OF_THE_FOLDER`, and choose the model in 3D Slicer's module MONAI Label. Or give this folder to "
    "Slicer's module for MONAI bundles (extension MONAI Auto3DSeg).",
    True: "After that\n\n    RUN configs/segment.json --dataset_dir SCANS --output_dir OUT\n\n"
    "writes a label map on the voxels of each scan: `NAME_seg.nii.gz`.",
}


def _description(text: BundleText) -> str:
    if text.pretrained:
        return ("A segmentation network whose encoder was pretrained on unlabelled scans; its decoder is new. Fine-tune it "
                "before use.")  # fmt: skip
    start = "a pretrained encoder" if text.start == "pretrained" else "new weights"
    return f"A segmentation network that was trained on labelled scans, beginning with {start}."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "any"
