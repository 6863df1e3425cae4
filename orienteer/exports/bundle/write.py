"""Writing a MONAI bundle from a fine-tuned segmentation or from a pretraining run, checked before it is kept."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.encoders.states import load_state
from orienteer.encoders.target import build_target
from orienteer.errors import InputError
from orienteer.exports.bundle.carried import write_scripts
from orienteer.exports.bundle.configs import (
    ENCODER,
    FINETUNED,
    PRETRAINED,
    BundleFacts,
    features_config,
    inference_config,
    network_definition,
    recipe_fields,
    training_config,
)
from orienteer.exports.bundle.inert import inert
from orienteer.exports.bundle.metadata import UNKNOWN_LICENCE, BundleText, metadata, readme
from orienteer.exports.bundle.scripts.network import ImageSized
from orienteer.exports.exported import WrittenExport
from orienteer.exports.feature_check import largest_difference, random_images, require_same_features
from orienteer.exports.graph import TORCHSCRIPT, write_torchscript
from orienteer.exports.monai import fill_monai_network
from orienteer.exports.transfer_table import LEFT_OUT, LOADED, TransferRow, count_numbers, network_rows
from orienteer.files import write_json, write_text
from orienteer.finetuning.model_files import MODEL_FILE, read_model_card
from orienteer.finetuning.segmentation.model import load_segmentation
from orienteer.finetuning.segmentation.network import DEEP_SUPERVISION, NO_DECODER, Segmenter
from orienteer.runs.recipe import preparation_of
from orienteer.runs.weights import SCRATCH

WINDOW_OVERLAP = 0.5
"""Of neighbouring windows, for networks that were not fine-tuned here; those that were keep theirs."""

CHECKED_WITH = "monai.bundle"

LOGGING = """[loggers]
keys=root

[handlers]
keys=consoleHandler

[formatters]
keys=fullFormatter

[logger_root]
level=INFO
handlers=consoleHandler

[handler_consoleHandler]
class=StreamHandler
level=INFO
formatter=fullFormatter
args=(sys.stdout,)

[formatter_fullFormatter]
format=%(asctime)s - %(name)s - %(levelname)s - %(message)s
"""


RUN = "python -m monai.bundle run --bundle_root {folder} --config_file {folder}/configs"


def write_finetuned_bundle(part: Path, folder: Path) -> tuple[WrittenExport, dict[str, Any]]:
    """Writes the bundle of a fine-tuned segmentation.

    Args:
        part: folder to write into.
        folder: that `orienteer finetune` wrote.

    Returns:
        What was written, and the model's card.

    Raises:
        InputError: a model that does not segment or cannot be read, or the network of the bundle computes other logits.
    """
    card, model = read_model_card(folder, "segmentation"), load_segmentation(folder)
    target, arguments = model.network.target, _without_supervision(model.network)
    network = build_target(target, arguments).eval()
    state = model.network.network.state_dict()
    left_out = {name: tensor for name, tensor in state.items() if name not in network.state_dict()}
    kept = {name: tensor for name, tensor in state.items() if name not in left_out}
    load_state(network, kept, MODEL_FILE, f"the weights of {target}", "report this")
    facts = BundleFacts(
        network_definition(target, arguments, _enlarged(network, model.patch_size)),
        recipe_fields(model.preparation, model.selection.modality),
        model.patch_size,
        model.overlap,
        model.classes,
    )
    licence, start = str(card.get("licence", UNKNOWN_LICENCE)), str(card.get("start", SCRATCH))
    text = BundleText(folder.resolve().name, False, licence, model.sha256, start)
    files = _write_all(part, facts, text, target, network)
    difference = _compared(part, facts, model.network)
    hint = f"run: {RUN}/inference.json --dataset_dir SCANS --output_dir OUT"
    return WrittenExport(files, _rows(kept, left_out), difference, CHECKED_WITH, {}, hint), card


def write_pretrained_bundle(
    part: Path, encoder: Encoder, card: Mapping[str, Any], name: str, classes: int, seed: int
) -> WrittenExport:
    """Writes the bundle of a pretraining run: the network to fine-tune, and the encoder that computes features.

    Args:
        part: folder to write into.
        encoder: of the run.
        card: its encoder.json.
        name: of the bundle.
        classes: outputs of the network, background among them.
        seed: of its new weights.

    Raises:
        InputError: an encoder that is part of no network that segments, or features that differ.
    """
    if encoder.target is None or encoder.target in NO_DECODER:
        got = f"encoder '{encoder.family}' with arguments {dict(encoder.arguments)}"
        do = "export it with --to torchscript, or pretrain another encoder"
        raise InputError("to", wanted="an encoder that is part of a segmentation network", got=got, do=do)
    network, arguments, rows = _start(encoder, encoder.target, classes, seed)
    facts = BundleFacts(
        network_definition(encoder.target, arguments, _enlarged(network, encoder.view_size)),
        recipe_fields(preparation_of(card), "auto"),
        encoder.view_size,
        WINDOW_OVERLAP,
        {0: "background", **{value: f"class {value}" for value in range(1, classes)}},
    )
    text = BundleText(name, True, str(card.get("licence", UNKNOWN_LICENCE)), str(card["sha256"]))
    files = _write_all(part, facts, text, encoder.target, network)
    graph = write_torchscript(part / "models", encoder, encoder.view_size)
    os.replace(part / "models" / TORCHSCRIPT, part / ENCODER)
    segmenter = Segmenter(encoder.target, arguments).eval()
    segmenter.network.load_state_dict(network.state_dict())
    difference = max(graph.difference, _compared(part, facts, segmenter))
    hint = f"fine-tune it: {RUN}/train.json --dataset_dir DATA"
    return WrittenExport((*files, ENCODER), rows, difference, CHECKED_WITH, {}, hint)


def _start(
    encoder: Encoder, target: str, classes: int, seed: int
) -> tuple[nn.Module, dict[str, Any], tuple[TransferRow, ...]]:
    """Returns the network with the encoder's weights in it, its arguments, and the table of what was loaded."""
    arguments = {**encoder.target_arguments, encoder.target_outputs: classes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_target(target, arguments).eval()
        more = build_target(target, {**arguments, encoder.target_outputs: classes + 1}).state_dict()
    loaded = fill_monai_network(network, encoder)
    output_layer = {name for name, tensor in network.state_dict().items() if tensor.shape != more[name].shape}
    return network, arguments, network_rows(network, loaded, output_layer)


def _rows(kept: Mapping[str, Tensor], left_out: Mapping[str, Tensor]) -> tuple[TransferRow, ...]:
    rows = [TransferRow("network", LOADED, tuple(kept), count_numbers(kept.values()))]
    if left_out:
        numbers, why = count_numbers(left_out.values()), "for training alone"
        rows.append(TransferRow("deep supervision", LEFT_OUT, tuple(left_out), numbers, why))
    return tuple(rows)


def _without_supervision(network: Segmenter) -> dict[str, Any]:
    """Returns the arguments of a network without the outputs of its coarser levels, which only training uses."""
    dropped = DEEP_SUPERVISION[network.target](network.arguments) if network.target in DEEP_SUPERVISION else {}
    kept = {name: value for name, value in network.arguments.items() if name not in dropped}
    return {**kept, "deep_supervision": False} if "deep_supervision" in dropped else kept


@torch.no_grad()
def _enlarged(network: nn.Module, patch_size: tuple[int, int, int]) -> bool:
    """Returns whether a network's outputs are smaller than its images."""
    output = network(torch.zeros(1, 1, *patch_size))
    return bool(tuple((output if isinstance(output, Tensor) else output[0]).shape[2:]) != tuple(patch_size))


def _write_all(part: Path, facts: BundleFacts, text: BundleText, target: str, network: nn.Module) -> tuple[str, ...]:
    """Writes everything but the encoder, and returns the names of the files."""
    configs = {"metadata.json": inert(metadata(facts, text, target)), "train.json": training_config(facts)}
    if text.pretrained:
        configs |= {"inference.json": features_config(facts), "segment.json": inference_config(facts, FINETUNED)}
    else:
        configs |= {"inference.json": inference_config(facts)}
    for name, config in configs.items():
        write_json(part / "configs" / name, config, indent=4)
    texts = {"configs/logging.conf": LOGGING, "docs/README.md": readme(facts, text), "LICENSE": _licence(text)}
    for name, words in texts.items():
        write_text(part / name, words)
    (part / "models").mkdir(exist_ok=True)
    prefix = "network." if "network" in facts.network else ""
    torch.save({prefix + name: tensor.clone() for name, tensor in network.state_dict().items()}, part / PRETRAINED)
    scripts = write_scripts(part / "scripts")
    names = (*(f"configs/{name}" for name in configs), *texts, PRETRAINED, *(f"scripts/{name}" for name in scripts))
    return tuple(sorted(names))


def _licence(text: BundleText) -> str:
    weights = text.licence if text.licence_known else "unknown. Ask whoever trained them before you use or share them."
    return f"Weights: {weights}\n\nScripts: Apache License, Version 2.0, https://www.apache.org/licenses/LICENSE-2.0\n"


@torch.no_grad()
def _compared(part: Path, facts: BundleFacts, ours: nn.Module) -> float:
    """Returns how far the logits of the bundle's network, built by `monai.bundle` and loaded from its file, are from ours.

    Raises:
        InputError: further than rounding.
    """
    from monai.bundle import ConfigParser

    inner = facts.network.get("network")
    built = ConfigParser({"network_def": dict(inner or facts.network)}).get_parsed_content("network_def")
    network = ImageSized(built) if inner else built
    network.load_state_dict(torch.load(part / PRETRAINED, weights_only=True))
    images = random_images(1, facts.patch_size)
    difference = largest_difference((ours(images),), (network.eval()(images),))
    require_same_features("the network in the bundle", difference)
    return difference
