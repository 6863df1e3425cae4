"""The command `export`: the weights of a run in the formats of other programs, checked before they are written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.exports.bundle.write import write_finetuned_bundle, write_pretrained_bundle
from orienteer.exports.export_folder import new_export_folder, write_export_json
from orienteer.exports.exported import Exported
from orienteer.exports.graph import write_onnx, write_torch_export, write_torchscript
from orienteer.exports.monai import write_monai
from orienteer.exports.nnssl import write_nnssl
from orienteer.exports.nnunet import write_nnunet
from orienteer.exports.nnunet_axes import axis_map
from orienteer.exports.nnunet_plans import read_plans
from orienteer.finetuning.model_files import MODEL_CARD
from orienteer.runs.hub import is_address, parse_address
from orienteer.runs.weights import load_encoder
from orienteer.types import Triple

Target = Literal["monai", "nnunet", "nnssl", "onnx", "torchscript", "torch-export", "monai-bundle"]

_USED_BY = {
    "plans": ("nnunet",),
    "configuration": ("nnunet",),
    "file_axes": ("nnunet", "nnssl"),
    "classes": ("monai", "monai-bundle"),
    "channels": ("monai",),
    "seed": ("monai", "monai-bundle", "nnunet"),
    "view_size": ("onnx", "torchscript", "torch-export"),
}
"""The targets that use an option. Given for another target it would have no effect, which is an error."""


def export(
    run: str | None = None,
    to: Target = "monai",
    out: str | None = None,
    plans: str | None = None,
    configuration: str | None = None,
    file_axes: str | None = None,
    classes: int | None = None,
    channels: int | None = None,
    view_size: Triple | None = None,
    seed: int | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes a run's weights for another program, loads them back with it and compares the features.

    Args:
        run: run folder, or an encoder.safetensors in a folder with its encoder.json; or hf://user/name. For monai-bundle also
            the folder of a fine-tuned segmentation.
        to: monai, monai-bundle (run by monai.bundle, MONAI Label and 3D Slicer), nnunet (for -pretrained_weights), nnssl
            (with an adaptation plan), onnx, torchscript or torch-export.
        out: folder to write into. By default export/<to> in the run folder.
        plans: nnunet: your nnUNetPlans.json. Without a run, the message says how to train an encoder that fits.
        configuration: nnunet: which configuration of the plans. By default 3d_fullres.
        file_axes: nnunet, nnssl: the directions of your images' axes, as three letters (nibabel's aff2axcodes), or one of
            your images. By default RAS.
        classes: monai, monai-bundle of a pretraining: output channels of the network. By default 2.
        channels: monai: input channels; the first convolution is shared out over them. By default 1.
        view_size: onnx, torchscript, torch-export: size of the images in voxels. By default that of the training views.
        seed: monai, monai-bundle, nnunet: of the new weights of the decoder. By default 0.
        overwrite: replace an existing export.

    Returns:
        The files, and the table of what was loaded, is new, or was left out; the command prints it.

    Raises:
        InputError: weights that are cut, changed or of another network; options that do not fit; an export that exists
            already. Nothing is written then.

    Example:
        >>> import tempfile
        >>> from orienteer.encoders import build_encoder
        >>> from orienteer.runs.weights import save_encoder
        >>> encoder = build_encoder("tiny", (16, 16, 16), filters=(4, 8, 8))
        >>> rules = {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0.5, 99.5]}}
        >>> facts = {"view_size": [16, 16, 16], "spacing_mm": [2.0, 2.0, 2.0], "axes": "RAS", "intensity": rules}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_encoder(Path(folder), encoder, facts)  # as a run does
        ...     exported = export(folder, to="monai", classes=5)
        >>> [path.name for path in exported.files], exported.written.difference < 1e-5
        (['network.pt'], True)
    """
    given = {"plans": plans, "configuration": configuration, "file_axes": file_axes, "classes": classes,
             "channels": channels, "seed": seed, "view_size": view_size}  # fmt: skip
    _check(to, {name: value for name, value in given.items() if value is not None})
    planned = read_plans(plans, configuration or "3d_fullres", file_axes or "RAS") if plans is not None else None
    if run is None:
        do = f"train one that fits: {planned.how_to_train()}" if planned else "name one: orienteer export RUN --to ..."
        raise InputError("run", wanted="a run folder", got="none", do=do)
    if out is None and is_address(run):
        raise InputError("out", wanted="a folder to write into", got="none", do="name one with --out")
    if Path(run, MODEL_CARD).is_file():
        return _export_finetuned(Path(run), to, out, given, overwrite)
    encoder, card = load_encoder(run)
    folder = Path(out) if out is not None else _folder_of(run) / "export" / to
    with new_export_folder(folder, overwrite) as part:
        if planned is not None:
            written = write_nnunet(part, encoder, planned, seed or 0)
        elif to == "nnssl":
            written = write_nnssl(part, encoder, card, axis_map(file_axes or "RAS"))
        elif to == "monai":
            written = write_monai(part, encoder, classes, channels or 1, seed or 0)
        elif to == "monai-bundle":
            name = _name_of(run)
            written = write_pretrained_bundle(part, encoder, card, name, classes or 2, seed or 0)
        else:
            writer = {"onnx": write_onnx, "torchscript": write_torchscript, "torch-export": write_torch_export}[to]
            written = writer(part, encoder, _fitting(encoder, view_size))
        write_export_json(part, to, card, written)
    return Exported(to, folder, written)


def _export_finetuned(run: Path, to: Target, out: str | None, given: Mapping[str, Any], overwrite: bool) -> Exported:
    """Writes the bundle of a fine-tuned segmentation, the one format for whole networks.

    Raises:
        InputError: another format, an option that would have no effect, or a model that does not segment.
    """
    if to != "monai-bundle":
        do = "add --to monai-bundle, or give the run of the pretraining"
        raise InputError("to", wanted="monai-bundle for a fine-tuned network", got=to, do=do)
    for name in ("classes", "seed"):
        if given[name] is not None:
            raise InputError(name, wanted="a pretraining run with this option", got=f"{run}, fine-tuned", do="omit it")
    folder = Path(out) if out is not None else run / "export" / to
    with new_export_folder(folder, overwrite) as part:
        written, card = write_finetuned_bundle(part, run)
        write_export_json(part, to, card, written)
    return Exported(to, folder, written)


def _check(to: str, given: Mapping[str, Any]) -> None:
    """Raises an error where an option would be ignored, is impossible, or is missing."""
    if to not in get_args(Target):
        raise InputError("to", wanted=f"one of {', '.join(get_args(Target))}", got=repr(to), do="use one of these")
    for name in sorted(given):
        if to not in _USED_BY[name]:
            wanted = f"--to {' or '.join(_USED_BY[name])} with this option"
            raise InputError(name, wanted=wanted, got=f"--to {to}", do="omit it")
    for name in ("classes", "channels"):
        if given.get(name, 1) < 1:
            raise InputError(name, wanted="at least 1", got=str(given[name]), do="use the number that you need")
    if to == "nnunet" and "plans" not in given:
        raise InputError(
            "plans",
            wanted="the plans of the data set for fine-tuning",
            got="none",
            do="run nnUNetv2_plan_experiment, then add --plans nnUNet_preprocessed/DATASET/nnUNetPlans.json",
        )


def _fitting(encoder: Encoder, view_size: Triple | None) -> Triple:
    if view_size is None:
        return encoder.view_size
    encoder.check_size(view_size)
    return view_size


def _name_of(run: str) -> str:
    return parse_address(run).repository.rpartition("/")[2] if is_address(run) else _folder_of(run).resolve().name


def _folder_of(run: str) -> Path:
    return Path(run) if Path(run).is_dir() else Path(run).parent
