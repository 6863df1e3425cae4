"""The configs of a bundle: inference on whole scans, training on pairs of scan and label map, features of scans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orienteer.exports.bundle.inert import network_arguments
from orienteer.scans.preparation import Preparation
from orienteer.settings import plain
from orienteer.types import Triple

Config = dict[str, Any]

PRETRAINED, FINETUNED, ENCODER = "models/model.pt", "models/finetuned.pt", "models/encoder.ts"

WINDOWS_AT_ONCE = 2


@dataclass(frozen=True)
class BundleFacts:
    """What the configs of a bundle hold.

    Attributes:
        network: the definition of the network, as `monai.bundle` builds it.
        recipe: the fields of the bundle's `Recipe`.
        patch_size: of the sliding window and of training patches, voxels.
        overlap: of neighbouring windows, as a share of their size.
        classes: names by label value, background first.
    """

    network: Mapping[str, Any]
    recipe: Mapping[str, Any]
    patch_size: Triple
    overlap: float
    classes: Mapping[int, str]


def network_definition(target: str, arguments: Mapping[str, Any], enlarged: bool) -> Config:
    """Returns how `monai.bundle` builds a network.

    Args:
        target: its class.
        arguments: of the class; those that name a class of torch become expressions.
        enlarged: its outputs are smaller than its images.

    Raises:
        InputError: an argument that `monai.bundle` would run.
    """
    network = {"_target_": target, **network_arguments(arguments)}
    return {**_script("network.ImageSized"), "network": network} if enlarged else network


def recipe_fields(preparation: Preparation, modality: str) -> Config:
    """Returns the fields of the bundle's `Recipe` for how scans are prepared here.

    Example:
        >>> recipe_fields(Preparation(spacing_mm=(2.0, 2.0, 3.0)), "CT")["spacing_mm"]
        [2.0, 2.0, 3.0]
    """
    preparation.spacing()  # it must be known
    return {**plain(preparation), "modality": modality}


def inference_config(facts: BundleFacts, weights: str = PRETRAINED) -> Config:
    """Returns the config that writes a label map on the grid of each scan of a folder.

    Values are the numbers of the classes, 0, 1, ..., since programs find the names of labels by these; ``label_values``
    replaces them. The weights are loaded when the evaluator begins, since 3D Slicer runs it alone, without ``initialize``.

    Its keys are those of the bundles of MONAI's model zoo, from which MONAI Label and other programs take single parts.

    Args:
        weights: file in the bundle.
    """
    saved = {
        "output_dir": "@output_dir",
        "output_postfix": "seg",
        "output_ext": ".nii.gz",
        "output_dtype": "$numpy.uint8 if max(@label_values) < 256 else numpy.int32",
        "separate_folder": False,
        "resample": True,  # onto the grid that it has: without it, MONAI 1.6 fails where a file's axes are permuted
    }
    return {
        **_beginning("eval"),
        "checkpoint": f"$@bundle_root + '/{weights}'",
        "label_values": list(range(len(facts.classes))),
        "datalist": _files("scans_in"),
        "recipe": {**facts.recipe, "crop_to_body": False},  # as in training
        "network_def": dict(facts.network),
        "network": "$@network_def.to(@device)",
        "preprocessing": _composed(*_loaded("image"), _prepared("image")),
        "dataset": _listed(),
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": sliding_window(facts),
        "postprocessing": _composed(
            {**_script("labels.ToScanLabelsd"), "keys": "pred", "label_values": "@label_values"},
            {"_target_": "SaveImaged", "keys": "pred", **saved},
        ),
        "handlers": [_loader("@checkpoint"), {"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": _evaluator("@dataloader", "@inferer", "@postprocessing", "@handlers"),
        "initialize": ["$monai.utils.set_determinism(seed=0)"],
        "run": ["$@evaluator.run()"],
    }


def features_config(facts: BundleFacts) -> Config:
    """Returns the config that writes the vectors of each scan of a folder."""
    writer = {
        **_script("features.VectorWriter"),
        "data": "@dataset",
        "encoder": "@network_def",
        "recipe": "@recipe",
        "view_size": list(facts.patch_size),
        "device": "@device",
        "output_dir": "@output_dir",
    }
    return {
        **_beginning("features"),
        "recipe": dict(facts.recipe),
        "network_def": {"_target_": "torch.jit.load", "f": f"$@bundle_root + '/{ENCODER}'"},
        "preprocessing": _composed(*_loaded("image")),
        "datalist": _files("scans_in"),
        "dataset": _listed(),
        "inferer": {"_target_": "SimpleInferer"},
        "evaluator": writer,
        "initialize": ["$monai.utils.set_determinism(seed=0)"],
        "run": ["$@evaluator.run()"],
    }


def sliding_window(facts: BundleFacts) -> Config:
    """Returns the sliding window, as in the prediction here."""
    return {
        "_target_": "SlidingWindowInferer",
        "roi_size": list(facts.patch_size),
        "sw_batch_size": WINDOWS_AT_ONCE,
        "overlap": facts.overlap,
        "mode": "gaussian",
        "padding_mode": "constant",
        "cval": -1.0,
    }


def training_config(facts: BundleFacts) -> Config:
    """Returns the config that trains the network on imagesTr and labelsTr of a folder, from the bundle's weights.

    The weights with the best Dice on every fifth case are saved beside those that it began with.
    """
    patch = list(facts.patch_size)
    cut = {"_target_": "RandCropByLabelClassesd", "keys": ["image", "label"], "label_key": "label", "num_samples": 2,
           "spatial_size": patch, "num_classes": len(facts.classes), "warn": False}  # fmt: skip
    return {
        **_beginning("eval"),
        "checkpoint": f"$@bundle_root + '/{PRETRAINED}'",
        "label_values": list(facts.classes),
        "epochs": 100,
        "val_interval": 5,
        "learning_rate": 0.0005,
        "recipe": {**facts.recipe, "crop_to_body": False},
        "network_def": dict(facts.network),
        "network": "$@network_def.to(@device)",
        "loss": {"_target_": "DiceCELoss", "to_onehot_y": True, "softmax": True, "include_background": False},
        "optimizer": {"_target_": "torch.optim.AdamW", "params": "$@network.parameters()", "lr": "@learning_rate"},
        "lr_scheduler": {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "optimizer": "@optimizer",
                         "T_max": "@epochs"},
        "train": _training(facts, cut),
        "validate": _validation(facts),
        "checkpointloader": _loader("@checkpoint"),
        "initialize": ["$monai.utils.set_determinism(seed=0)", "$@checkpointloader(@train#trainer)"],
        "run": ["$@train#trainer.run()"],
    }  # fmt: skip


def _training(facts: BundleFacts, cut: Config) -> Config:
    patch = list(facts.patch_size)
    pads = [{"_target_": "SpatialPadd", "keys": key, "spatial_size": patch, "mode": "constant", "constant_values": value}
            for key, value in (("image", -1), ("label", 0))]  # fmt: skip
    changed = [
        {"_target_": "RandScaleIntensityd", "keys": "image", "factors": 0.1, "prob": 0.5},
        {"_target_": "RandShiftIntensityd", "keys": "image", "offsets": 0.1, "prob": 0.5},
    ]
    handlers = [
        {"_target_": "LrScheduleHandler", "lr_scheduler": "@lr_scheduler", "print_lr": False},
        {"_target_": "ValidationHandler", "validator": "@validate#evaluator", "epoch_level": True,
         "interval": "@val_interval"},
        {"_target_": "StatsHandler", "tag_name": "train_loss", "output_transform": _LOSS},
    ]  # fmt: skip
    return {
        "deterministic_transforms": [*_loaded(["image", "label"]), _prepared("image", "label")],
        "random_transforms": [*pads, cut, *changed],
        "preprocessing": _composed_of("$@train#deterministic_transforms + @train#random_transforms"),
        "dataset": {"_target_": "CacheDataset", "data": {**_files("pairs_in"), "validation": False},
                    "transform": "@train#preprocessing", "progress": False},
        "dataloader": {"_target_": "DataLoader", "dataset": "@train#dataset", "batch_size": 1, "shuffle": True,
                       "num_workers": 0},
        "inferer": {"_target_": "SimpleInferer"},
        "handlers": handlers,
        "trainer": {
            "_target_": "SupervisedTrainer",
            "max_epochs": "@epochs",
            "device": "@device",
            "train_data_loader": "@train#dataloader",
            "network": "@network",
            "loss_function": "@loss",
            "optimizer": "@optimizer",
            "inferer": "@train#inferer",
            "train_handlers": "@train#handlers",
            "amp": "$@device.type == 'cuda'",
        },
    }  # fmt: skip


def _validation(facts: BundleFacts) -> Config:
    best = {"_target_": "CheckpointSaver", "save_dir": "$@bundle_root + '/models'", "save_dict": {"model": "@network"},
            "save_key_metric": True, "key_metric_filename": FINETUNED.rpartition("/")[2]}  # fmt: skip
    dice = {"_target_": "MeanDice", "include_background": False,
            "output_transform": "$monai.handlers.from_engine(['pred', 'label'])"}  # fmt: skip
    discrete = {"_target_": "AsDiscreted", "keys": ["pred", "label"], "argmax": [True, False],
                "to_onehot": len(facts.classes)}  # fmt: skip
    evaluator = _evaluator(
        "@validate#dataloader", "@validate#inferer", "@validate#postprocessing", "@validate#handlers"
    )
    return {
        "preprocessing": _composed_of("%train#deterministic_transforms"),
        "dataset": {"_target_": "CacheDataset", "data": {**_files("pairs_in"), "validation": True},
                    "transform": "@validate#preprocessing", "progress": False},
        "dataloader": {"_target_": "DataLoader", "dataset": "@validate#dataset", "batch_size": 1, "num_workers": 0},
        "inferer": sliding_window(facts),
        "postprocessing": _composed(discrete),
        "handlers": [{"_target_": "StatsHandler", "iteration_log": False}, best],
        "key_metric": {"val_mean_dice": dice},
        "evaluator": {**evaluator, "key_val_metric": "@validate#key_metric"},
    }  # fmt: skip


_LOSS = "$monai.handlers.from_engine(['loss'], first=True)"


def _beginning(output: str) -> Config:
    return {
        "imports": ["$import sys"],
        "bundle_root": ".",
        "scripts": "$sys.path.insert(0, @bundle_root)",
        "output_dir": f"$@bundle_root + '/{output}'",
        "dataset_dir": "data",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    }


def _composed(*transforms: Config) -> Config:
    return _composed_of(list(transforms))


def _composed_of(transforms: str | list[Config]) -> Config:
    return {"_target_": "Compose", "transforms": transforms}


def _loaded(keys: str | Sequence[str]) -> tuple[Config, Config]:
    return {"_target_": "LoadImaged", "keys": keys}, {"_target_": "EnsureChannelFirstd", "keys": keys}


def _prepared(key: str, label_key: str | None = None) -> Config:
    labels = {"label_key": label_key, "label_values": "@label_values"} if label_key else {}
    return {**_script("preparation.PrepareScand"), "keys": key, "recipe": "@recipe", **labels}


def _files(function: str) -> Config:
    return {**_script(f"files.{function}"), "folder": "@dataset_dir"}


def _listed() -> Config:
    """Returns the scans of ``datalist``, which programs replace by a list of paths."""
    return {"_target_": "Dataset", "data": "$[{'image': path} for path in @datalist]", "transform": "@preprocessing"}


def _script(name: str) -> Config:
    """Returns the beginning of a component of the bundle's scripts.

    They are found wherever the bundle is run from, and by programs that take single components of a config: `monai.bundle`
    itself adds the folder only after it has built them.
    """
    return {"_target_": f"scripts.{name}", "_requires_": "@scripts"}


def _evaluator(loader: str, inferer: str, postprocessing: str, handlers: str) -> Config:
    return {
        "_target_": "SupervisedEvaluator",
        "device": "@device",
        "val_data_loader": loader,
        "network": "@network",
        "inferer": inferer,
        "postprocessing": postprocessing,
        "val_handlers": handlers,
        "amp": False,
    }


def _loader(path: str) -> Config:
    return {"_target_": "CheckpointLoader", "load_path": path, "load_dict": {"model": "@network"}}
