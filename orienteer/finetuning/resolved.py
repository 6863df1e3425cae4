"""ResolvedFinetune: every decision of a fine-tuning that is made before its scans are prepared, with nothing left open."""

from dataclasses import dataclass
from pathlib import Path

import torch

from orienteer.devices import choose_device
from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.starting_point import StartingPoint
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.types import TripleMm


@dataclass(frozen=True)
class ResolvedFinetune:
    """A fine-tuning that can begin.

    Attributes:
        point: the network to begin with, and where its weights come from.
        config: the settings as config.yaml holds them.
        spacing_mm: voxel size of the prepared scans.
        preparation: how scans are prepared.
        selection: how files are read.
        store: folder of prepared scans.
        device: where to train.
        bf16: whether the forward pass computes in bfloat16.
    """

    point: StartingPoint
    config: FinetuneConfig
    spacing_mm: TripleMm
    preparation: Preparation
    selection: Selection
    store: Path
    device: torch.device
    bf16: bool


def resolve(
    point: StartingPoint, config: FinetuneConfig, *, crop_to_body: bool, auto_bf16: bool = False
) -> ResolvedFinetune:
    """Returns the resolved fine-tuning.

    Args:
        point: where it starts.
        config: the settings of the starting point, with spacing and modality planned where they were open.
        crop_to_body: whether the air around the body is cut away.
        auto_bf16: whether ``precision: auto`` means bfloat16 on devices that support it natively.

    Raises:
        InputError: settings without a spacing or a store, or a GPU is asked for and there is none.
    """
    if config.spacing_mm is None or config.store is None:
        missing = "spacing_mm" if config.spacing_mm is None else "store"
        raise InputError(missing, wanted="a value", got="None", do=f"set {missing}")
    device = choose_device(config.accelerator)
    return ResolvedFinetune(
        point=point,
        config=config,
        spacing_mm=config.spacing_mm,
        preparation=config.preparation(crop_to_body),
        selection=config.selection(),
        store=Path(config.store),
        device=device,
        bf16=config.precision == "bf16" or (config.precision == "auto" and auto_bf16 and supports_bf16(device)),
    )


def supports_bf16(device: torch.device) -> bool:
    """Returns whether a device computes in bfloat16 natively, so that mixed precision is faster and not slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in checks)
