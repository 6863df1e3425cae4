"""Exporting bundles: every family of encoders, what is left out, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from orienteer.errors import InputError
from orienteer.exports.export import export
from tests.exports.test_monai import FAMILIES
from tests.helpers.saved_runs import SaveRun


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_that_segments_can_be_built_from_its_config(name: str, save_run: SaveRun) -> None:
    size, arguments = FAMILIES[name]
    if name == "vit":
        arguments = {**arguments, "num_layers": 12}
    exported = export(str(save_run(name, size, **arguments)), to="monai-bundle", classes=3)
    assert exported.written.difference < 1e-5
    assert {
        "configs/metadata.json",
        "configs/inference.json",
        "models/model.pt",
        "models/encoder.ts",
        "LICENSE",
    } <= set(exported.written.files)
    assert all(path.is_file() for path in exported.files)
    facts = json.loads((exported.folder / "export.json").read_text())
    assert facts["to"] == "monai-bundle"
    assert sorted(facts["files"]) == sorted(exported.written.files)
    assert "files)" in str(exported)


def test_nnunets_residual_encoder_is_built_from_its_config_with_classes_of_torch(save_run: SaveRun) -> None:
    run = save_run("residual", (16, 16, 16), features=[4, 6], blocks=[1, 1], strides=[1, 2])
    exported = export(str(run), to="monai-bundle", classes=3)
    config = json.loads((exported.folder / "configs/segment.json").read_text())
    assert config["network_def"]["conv_op"] == "$torch.nn.Conv3d"
    assert exported.written.difference < 1e-5
    packages = json.loads((exported.folder / "configs/metadata.json").read_text())["required_packages_version"]
    assert "dynamic-network-architectures" in packages


def test_new_weights_follow_the_seed(save_run: SaveRun, tmp_path: Path) -> None:
    run = str(save_run("tiny", (16, 16, 16), filters=[4, 8, 8]))
    states = [
        torch.load(export(run, to="monai-bundle", seed=seed, out=str(tmp_path / name)).folder / "models/model.pt")
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    new = next(name for name in states[0] if "output_block" in name and name.endswith("weight"))
    assert torch.equal(states[0][new], states[1][new])
    assert not torch.equal(states[0][new], states[2][new])


def test_a_fine_tuning_from_deep_supervision(segmented, tmp_path: Path) -> None:
    exported = export(str(segmented.folder), to="monai-bundle", out=str(tmp_path / "bundle"))
    rows = {row.part: row for row in exported.written.rows}
    assert rows["deep supervision"].what == "left out"
    state = torch.load(tmp_path / "bundle/models/model.pt", weights_only=True)
    ours = load_file(segmented.folder / "model.safetensors")
    assert not set(rows["deep supervision"].names) & set(state)
    assert all(torch.equal(state[name], tensor) for name, tensor in ours.items() if name in state)


def test_a_bundle_that_is_there_is_replaced_only_when_asked(varied_folder: Path, tmp_path: Path) -> None:
    export(str(varied_folder), to="monai-bundle", out=str(tmp_path / "b"))
    with pytest.raises(InputError, match=r"out: wanted a folder without an export"):
        export(str(varied_folder), to="monai-bundle", out=str(tmp_path / "b"))
    (tmp_path / "b/configs/inference.json").write_text("{}")
    export(str(varied_folder), to="monai-bundle", out=str(tmp_path / "b"), overwrite=True)
    assert "evaluator" in json.loads((tmp_path / "b/configs/inference.json").read_text())


def test_files_of_the_same_name_are_not_overwritten(varied_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b/configs").mkdir(parents=True)
    (tmp_path / "b/configs/train.json").write_text("mine")
    with pytest.raises(InputError, match="which holds configs/train.json"):
        export(str(varied_folder), to="monai-bundle", out=str(tmp_path / "b"))
    assert [path.name for path in (tmp_path / "b").rglob("*.json")] == ["train.json"]


def test_a_classifier_is_refused(classifier_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted the folder of a segmentation, got that of a classification"):
        export(str(classifier_folder), to="monai-bundle", out=str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def test_a_fine_tuned_network_has_one_format(varied_folder: Path) -> None:
    with pytest.raises(InputError, match="wanted monai-bundle for a fine-tuned network, got monai"):
        export(str(varied_folder), to="monai")
    with pytest.raises(InputError, match="classes: wanted a pretraining run with this option"):
        export(str(varied_folder), to="monai-bundle", classes=3)


def test_changed_weights_are_refused(varied_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    for path in varied_folder.iterdir():
        if path.is_file():
            (tmp_path / "m" / path.name).write_bytes(path.read_bytes())
    state = load_file(tmp_path / "m/model.safetensors")
    save_file({name: tensor + 1 for name, tensor in state.items()}, tmp_path / "m/model.safetensors")
    with pytest.raises(InputError, match="a file that is cut short or was changed"):
        export(str(tmp_path / "m"), to="monai-bundle")
    assert not (tmp_path / "m/export").exists()


def test_an_encoder_without_a_network_that_segments_is_refused(save_run: SaveRun) -> None:
    run = save_run("vit", (16, 16, 32), hidden_size=24, mlp_dim=24, num_heads=2, num_layers=2)
    with pytest.raises(InputError, match="wanted an encoder that is part of a segmentation network"):
        export(str(run), to="monai-bundle")


def test_options_of_other_formats_are_refused(save_run: SaveRun) -> None:
    run = str(save_run("tiny", (16, 16, 16), filters=[4, 8, 8]))
    with pytest.raises(InputError, match="channels: wanted --to monai with this option"):
        export(run, to="monai-bundle", channels=2)
