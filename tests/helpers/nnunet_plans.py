"""A small nnUNetPlans.json with the entries that nnU-Net 2.8 writes, for networks of a few thousand weights."""

import json
from pathlib import Path
from typing import Any

ARCHITECTURES = "dynamic_network_architectures.architectures.unet"


def residual_kwargs(**changes: Any) -> dict[str, Any]:
    """Returns ``arch_kwargs`` of a ResidualEncoderUNet whose first axis has thick slices."""
    return {
        "n_stages": 3,
        "features_per_stage": [4, 6, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "n_blocks_per_stage": [1, 2, 1],
        "n_conv_per_stage_decoder": [1, 1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
        **changes,
    }


def plain_kwargs(**changes: Any) -> dict[str, Any]:
    """Returns ``arch_kwargs`` of a PlainConvUNet of the same kind."""
    kwargs = residual_kwargs(n_conv_per_stage=[2, 2, 2], n_conv_per_stage_decoder=[2, 2])
    del kwargs["n_blocks_per_stage"]
    return {**kwargs, **changes}


def write_plans(
    path: Path,
    kwargs: dict[str, Any],
    network: str = "ResidualEncoderUNet",
    channels: int = 1,
    transpose_forward: tuple[int, ...] = (0, 1, 2),
    reader: str = "SimpleITKIO",
    **changes: Any,
) -> Path:
    """Writes the plans; ``changes`` go into the configuration 3d_fullres."""
    fullres: dict[str, Any] = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16, 32, 32],
        "median_image_size_in_voxels": [18.0, 40.0, 40.0],
        "spacing": [4.0, 1.5, 1.5],
        "normalization_schemes": ["CTNormalization"] * channels,
        "use_mask_for_norm": [False] * channels,
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "architecture": {
            "network_class_name": f"{ARCHITECTURES}.{network}",
            "arch_kwargs": kwargs,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": False,
        **changes,
    }
    plans = {
        "dataset_name": "Dataset999_Made",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [4.0, 1.5, 1.5],
        "original_median_shape_after_transp": [18, 40, 40],
        "image_reader_writer": reader,
        "transpose_forward": list(transpose_forward),
        "transpose_backward": [list(transpose_forward).index(axis) for axis in range(3)],
        "configurations": {
            "3d_fullres": fullres,
            "3d_more": {"inherits_from": "3d_fullres", "batch_size": 4},
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        },
        "experiment_planner_used": "ResEncUNetPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {},
    }
    path.write_text(json.dumps(plans))
    return path
