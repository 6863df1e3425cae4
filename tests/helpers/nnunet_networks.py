"""nnU-Net's own networks, readers and loaders, and images to run them on."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor, nn

from orienteer.exports.nnunet_plans import read_plans
from orienteer.runs.weights import load_encoder
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from tests.helpers.saved_runs import SaveRun

SIZE = (16, 16, 16)
RAS, LPS = [-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0], [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0]
"""Directions of images whose axes run towards right, front, head, and towards left, back, head."""


def nnunet_network(plans: Path, channels: int = 1, classes: int = 4) -> nn.Module:
    """Returns the network as nnU-Net's trainer builds it, weights from another seed."""
    torch.manual_seed(11)
    settings = PlansManager(str(plans)).get_configuration("3d_fullres")
    return get_network_from_plans(
        settings.network_arch_class_name,
        settings.network_arch_init_kwargs,
        settings.network_arch_init_kwargs_req_import,
        channels,
        classes,
        allow_init=True,
        deep_supervision=True,
    ).eval()


def fitting_run(save_run: SaveRun, plans: Path, **arguments: Any) -> Path:
    """Returns a run whose encoder is the one of the plans."""
    name, planned = read_plans(plans, "3d_fullres", "RAS").encoder()
    return save_run(name, SIZE, **planned, **arguments)


def image_file(folder: Path, direction: list[float]) -> Path:
    """Writes an image that differs along every axis and in every direction."""
    values = np.random.default_rng(0).normal(size=SIZE[::-1]).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetDirection(direction)
    folder.mkdir()
    sitk.WriteImage(image, str(folder / "scan.nii.gz"))
    return folder / "scan.nii.gz"


def read_by_nnunet(file: Path, plans: Path) -> Tensor:
    """Returns an image as nnU-Net gives it to its network."""
    voxels, _ = SimpleITKIO().read_images((str(file),))
    order = PlansManager(str(plans)).transpose_forward
    return torch.from_numpy(voxels.transpose(0, *(1 + axis for axis in order)).copy())[None]


def read_by_orienteer(file: Path) -> Tensor:
    """Returns an image in the axes that encoders are trained on."""
    return torch.from_numpy(read_scan(discover(file, progress=False).sources[0]).voxels)[None, None]


def assert_same_features(run: Path, network: nn.Module, file: Path, plans: Path, order: tuple[int, int, int]) -> None:
    """Compares features of all levels; axis n of nnU-Net's is body axis ``order[n]``."""
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        ours, theirs = encoder(read_by_orienteer(file)), network.encoder(read_by_nnunet(file, plans))
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level.permute(0, 1, *(2 + body for body in order)), other, rtol=1e-4, atol=1e-4)
