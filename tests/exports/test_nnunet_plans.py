"""Plans of nnU-Net: which network they describe, the encoder that fits it, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.exports.nnunet_plans import read_plans
from tests.helpers.nnunet_plans import plain_kwargs, residual_kwargs, write_plans
from tests.helpers.saved_runs import SaveRun


def test_images_turned_by_nnunets_reader_need_no_axes(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), reader="NibabelIOWithReorient")
    assert read_plans(plans, "3d_fullres", "PIR").axes == read_plans(plans, "3d_fullres", "RAS").axes


def test_an_inheriting_configuration_is_read(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    assert read_plans(plans, "3d_more", "RAS") == read_plans(plans, "3d_fullres", "RAS")


def test_without_a_run_the_plans_tell_how_to_train_one(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", plain_kwargs(), "PlainConvUNet")
    with pytest.raises(InputError, match=r"--encoder dynunet --encoder-arguments '\{\"filters\": \[4, 6, 8\]"):
        export(to="nnunet", plans=str(plans))


def test_missing_plans_are_named(tmp_path: Path, save_run: SaveRun) -> None:
    run = save_run("tiny", filters=[4, 8, 8])
    with pytest.raises(InputError, match=r"plans: wanted the plans of the data set.*add --plans"):
        export(str(run), to="nnunet")
    with pytest.raises(InputError, match=r"none\.json \(No such file or directory\)"):
        export(str(run), to="nnunet", plans=str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architecture": {"network_class_name": "a.PrimusM", "arch_kwargs": {}, "_kw_requires_import": []}},
            "PrimusM",
        ),
        ({"previous_stage": "3d_lowres"}, "the cascade 3d_fullres"),
    ],
)
def test_configurations_that_no_encoder_here_fits_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs(), **changes)
    with pytest.raises(InputError, match=message):
        read_plans(plans, "3d_fullres", "RAS")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"conv_op": "torch.nn.modules.conv.Conv2d"}, "wanted a 3D configuration"),
        ({"norm_op": "torch.nn.BatchNorm3d"}, "norm_op torch.nn.InstanceNorm3d"),
        ({"dropout_op": "torch.nn.Dropout3d"}, "dropout_op None"),
        ({"stem_channels": 7}, "no stem_channels"),
    ],
)
def test_layers_that_no_encoder_here_has_are_refused(tmp_path: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_plans(write_plans(tmp_path / "plans.json", residual_kwargs(**kwargs)), "3d_fullres", "RAS")


def test_an_unknown_configuration_lists_the_known_ones(tmp_path: Path) -> None:
    plans = write_plans(tmp_path / "plans.json", residual_kwargs())
    with pytest.raises(InputError, match="one of 3d_fullres, 3d_more, 3d_cascade_fullres"):
        read_plans(plans, "3d_lowres", "RAS")


@pytest.mark.parametrize("text", ["not json", "[]", '{"configurations": 3}'])
def test_another_file_in_place_of_the_plans_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plans.json").write_text(text)
    with pytest.raises(InputError, match="another file"):
        read_plans(tmp_path / "plans.json", "3d_fullres", "RAS")
