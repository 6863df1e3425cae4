"""Small networks of others, saved in the form that each publishes: keys of the file, names of the tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

SWIN: dict[str, Any] = {"feature_size": 12, "depths": [2, 1, 1, 1], "num_heads": [1, 2, 3, 4], "window_size": 3}

_OTHER = {"epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}}


def filled(network: nn.Module) -> nn.Module:
    """Returns the network with random weights and statistics, so that swapped or lost ones do not go unnoticed."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(0.5 + 0.1 * torch.randn(tensor.shape, generator=generator))
    return network.eval()


def swin_unetr(**changes: Any) -> nn.Module:
    """Returns MONAI's SwinUNETR."""
    from monai.networks.nets import SwinUNETR

    return filled(SwinUNETR(**{"in_channels": 1, "out_channels": 14, **SWIN, **changes}))


def segresnet(**changes: Any) -> nn.Module:
    """Returns MONAI's SegResNet with the blocks of SuPreM's."""
    from monai.networks.nets import SegResNet

    blocks = {"blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]}
    return filled(SegResNet(**{"init_filters": 8, "in_channels": 1, "out_channels": 25, **blocks, **changes}))


NNUNET: dict[str, Any] = {
    "n_stages": 3,
    "features_per_stage": [4, 6, 8],
    "conv_op": nn.Conv3d,
    "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "num_classes": 3,
    "n_conv_per_stage_decoder": [1, 1],
    "conv_bias": True,
    "norm_op": nn.InstanceNorm3d,
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "nonlin": nn.LeakyReLU,
    "nonlin_kwargs": {"inplace": True},
    "deep_supervision": False,
}
"""A network whose first axis, the last of a file, has thick slices."""


def residual_unet(**changes: Any) -> nn.Module:
    """Returns nnU-Net's residual encoder with its decoder."""
    from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

    return filled(ResidualEncoderUNet(**{"input_channels": 1, "n_blocks_per_stage": [1, 2, 1], **NNUNET, **changes}))


def plain_unet(**changes: Any) -> nn.Module:
    """Returns nnU-Net's plain network."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    return filled(PlainConvUNet(**{"input_channels": 1, "n_conv_per_stage": [2, 2, 2], **NNUNET, **changes}))


def anatomix(filters: int = 4, levels: int = 3, batch: bool = True) -> nn.Sequential:
    """Returns anatomix's U-Net as a sequence of modules in its order; it is run by `anatomix_levels`."""
    parts: list[nn.Module] = []

    def convolution(before: int, after: int) -> None:
        norm = nn.BatchNorm3d(after) if batch else nn.InstanceNorm3d(after, eps=1e-2)
        parts.extend(
            [nn.Conv3d(before, after, 3, padding="same", padding_mode="reflect", bias=not batch), norm, nn.ReLU()]
        )

    convolution(1, filters)
    width = filters
    for level in range(levels):
        after = filters * 2**level
        convolution(width, after)
        convolution(after, after)
        width = after
        if level < levels - 1:
            parts.append(nn.MaxPool3d(2) if batch else nn.AvgPool3d(2))
    for level in reversed(range(levels - 1)):
        after = filters * 2**level
        parts.append(nn.Upsample(scale_factor=2))
        convolution(width + after, after)
        convolution(after, after)
        width = after
    parts.append(nn.Conv3d(width, 16, 3, padding="same", padding_mode="reflect", bias=not batch))
    network = filled(nn.Sequential(*parts))
    assert isinstance(network, nn.Sequential)
    return network


def ssl_names(network: nn.Module) -> dict[str, Tensor]:
    """Returns the names of model_swinvit.pt: those of MONAI before 0.9, wrapped for several GPUs, beside three heads."""
    swin = {
        name.removeprefix("swinViT."): tensor for name, tensor in network.state_dict().items() if "swinViT." in name
    }
    heads = {
        "rotation_head.weight": torch.zeros(4, 8),
        "contrastive_head.weight": torch.zeros(8, 8),
        "conv.0.bias": torch.zeros(2),
    }
    return {f"module.{name.replace('mlp.linear', 'mlp.fc')}": tensor for name, tensor in {**swin, **heads}.items()}


def under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors with something before their names."""
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def published(kind: str, network: nn.Module) -> dict[str, Any]:
    """Returns what the file of a kind holds."""
    state = network.state_dict()
    suprem = {"module.organ_embedding": torch.zeros(2, 3), "module.GAP.0.weight": torch.zeros(2)}
    head = {"module.student.layer1.0.weight": torch.zeros(3, 3), "module.teacher.layer1.0.weight": torch.zeros(3, 3)}
    contents: dict[str, Callable[[], dict[str, Any]]] = {
        "model_swinvit.pt": lambda: {**_OTHER, "state_dict": ssl_names(network)},
        "VoCo_B_SSL_head.pt": lambda: {**_OTHER, "state_dict": {**under("module.backbone.", state), **head}},
        "VoComni_B.pt": lambda: {**_OTHER, "state_dict": state},
        "supervised_suprem_swinunetr_2100.pth": lambda: {**_OTHER, "net": {**under("module.backbone.", state), **suprem}},
        "supervised_suprem_segresnet_2100.pth": lambda: {**_OTHER, "net": under("module.", state)},
        "VoComni_nnunet.pt": lambda: {**_OTHER, "network_weights": state},
        "checkpoint_final.pth": lambda: {"network_weights": state, "trainer_name": "BaseMAETrainer", "current_epoch": 1000},
        "anatomix.pth": lambda: under("model.", state),
        "anatomix-dev.pth": lambda: under("_orig_mod.model.", state),
    }  # fmt: skip
    return contents[kind]()


def adaptation_plan(network: str, **arguments: Any) -> dict[str, Any]:
    """Returns the parts of an adaptation_plan.json that describe the network."""
    kwargs = {**{key: value for key, value in NNUNET.items() if isinstance(value, list | int)}, **arguments}
    return {
        "architecture_plans": {
            "arch_class_name": network,
            "arch_kwargs": None if network.startswith(("ResEnc", "Primus", "NoSkip")) else kwargs,
            "arch_kwargs_requiring_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "pretrain_num_input_channels": 1,
        "recommended_downstream_patchsize": [160, 160, 160],
        "key_to_encoder": "encoder.stages",
        "key_to_stem": "encoder.stem",
        "keys_to_in_proj": ["encoder.stem.convs.0.conv", "encoder.stem.convs.0.all_modules.0"],
    }
