"""Runs and options that cannot be exported: refused with a message, nothing written, nothing run."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from orienteer.errors import InputError
from orienteer.exports import export as export_module
from orienteer.exports.export import export
from orienteer.features.pretrained import load
from tests.helpers.disguise import MakesAFile, with_hash
from tests.helpers.saved_runs import SaveRun

SIZE = (16, 16, 16)

Use = Callable[[str], Any]
BOTH = pytest.mark.parametrize("use", [load, export], ids=["load", "export"])


@pytest.fixture
def run(save_run: SaveRun) -> Path:
    return save_run("tiny", SIZE, filters=[4, 8, 8])


@pytest.mark.parametrize(
    ("run", "name"),
    [("hf://user/name@v1", "name"), ("hf://user/name/a/b.pt", "name"), ("runs/ct/encoder.safetensors", "ct")],
)
def test_a_bundle_is_called_as_its_run(run: str, name: str) -> None:
    assert export_module._name_of(run) == name


@BOTH
@pytest.mark.parametrize("vouched", [False, True])
def test_a_pickle_in_disguise_is_never_run(use: Use, vouched: bool, run: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    torch.save({"network_weights": MakesAFile(mark)}, run / "encoder.safetensors")
    blob = (run / "encoder.safetensors").read_bytes()
    if vouched:
        with_hash(run, blob)
    with pytest.raises(InputError, match="wanted a safetensors file" if vouched else "cut short or was changed"):
        use(str(run))
    assert not mark.exists()
    assert not (run / "export").exists()
    pickle.loads(pickle.dumps(MakesAFile(mark)))  # it would have run
    assert mark.exists()


@BOTH
def test_cut_weights_are_refused(use: Use, run: Path) -> None:
    blob = (run / "encoder.safetensors").read_bytes()
    (run / "encoder.safetensors").write_bytes(blob[: len(blob) // 2])
    with pytest.raises(InputError, match="cut short or was changed"):
        use(str(run))
    with_hash(run, blob[: len(blob) // 2])
    with pytest.raises(InputError, match="wanted a safetensors file"):
        use(str(run))


@BOTH
def test_a_single_changed_bit_is_noticed(use: Use, run: Path) -> None:
    blob = bytearray((run / "encoder.safetensors").read_bytes())
    blob[-1] ^= 1
    (run / "encoder.safetensors").write_bytes(bytes(blob))
    with pytest.raises(InputError, match="cut short or was changed"):
        use(str(run))


@BOTH
def test_weights_of_another_architecture_are_refused_by_name(use: Use, run: Path, save_run: SaveRun) -> None:
    other = save_run("tiny", SIZE, folder="other", filters=[4, 8, 8, 8], stem_stride=1)
    with_hash(run, (other / "encoder.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"6 unexpected \['downsamples\.1\.conv1"):
        use(str(run))


@BOTH
def test_a_tensor_of_another_shape_is_named(use: Use, run: Path) -> None:
    state = load_file(run / "encoder.safetensors")
    state["bottleneck.norm1.weight"] = torch.ones(9)
    with_hash(run, save(state))
    with pytest.raises(InputError, match=r"1 of another shape \['bottleneck\.norm1\.weight'\]"):
        use(str(run))


@BOTH
def test_a_missing_tensor_is_named(use: Use, run: Path) -> None:
    state = load_file(run / "encoder.safetensors")
    del state["bottleneck.norm1.weight"]
    with_hash(run, save(state))
    with pytest.raises(InputError, match=r"1 missing \['bottleneck\.norm1\.weight'\]"):
        use(str(run))


@BOTH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.pop("sha256"), "got no sha256"),
        (lambda card: card.pop("spacing_mm"), "got no spacing_mm"),
        (lambda card: card.update(format=99), "wanted format 1, got 99"),
        (lambda card: card.update(encoder="resnet"), "encoder: wanted one of tiny"),
        (lambda card: card.update(arguments={"code": "x"}), "argument of encoder 'tiny'"),
        (lambda card: card.update(arguments=[1]), r"arguments in .*encoder\.json: wanted a table"),
        (lambda card: card.update(encoder=5), "wanted a name, got 5"),
        (lambda card: card.update(view_size=[16, 16.0, 16]), "wanted three whole numbers above 0"),
        (lambda card: card.update(spacing_mm=[2, 2]), "wanted three lengths from 0.001 to 1000.0 mm"),
        (lambda card: card.update(spacing_mm=[2, 2, -1]), "wanted three lengths from 0.001 to 1000.0 mm"),
        (lambda card: card["intensity"].pop("CT"), "wanted CT with window_hu"),
        (lambda card: card["intensity"].update(MR={"percentiles_of_body": ["a", 1]}), "two numbers each"),
    ],
)
def test_a_damaged_encoder_json_is_refused(use: Use, change: Callable, message: str, run: Path) -> None:
    card = json.loads((run / "encoder.json").read_text())
    change(card)
    (run / "encoder.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=message):
        use(str(run))


@BOTH
@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00\xff"])
def test_an_encoder_json_that_is_none_is_refused(use: Use, content: str, run: Path) -> None:
    (run / "encoder.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(
        InputError, match=r"wanted (a run folder with encoder\.safetensors|what `orienteer pretrain` writes|a table)"
    ):
        use(str(run))


@BOTH
def test_a_folder_that_is_no_run_is_refused(use: Use, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wanted a run folder with encoder\.safetensors and encoder\.json"):
        use(str(tmp_path))
    with pytest.raises(InputError, match=r"wanted a run folder with encoder\.safetensors and encoder\.json"):
        use(str(tmp_path / "nowhere"))


def test_an_unknown_target_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="to: wanted one of monai, nnunet, nnssl, onnx, torchscript, torch-export"):
        export_module._check("keras", {})  # the signature itself allows no other; a call without checks may


@pytest.mark.parametrize(
    ("to", "option"),
    [
        ("monai", {"plans": "plans.json"}),
        ("monai", {"file_axes": "RAS"}),
        ("monai", {"view_size": (16, 16, 16)}),
        ("onnx", {"classes": 3}),
        ("onnx", {"channels": 3}),
        ("torchscript", {"seed": 0}),
        ("nnssl", {"plans": "plans.json"}),
        ("onnx", {"configuration": "3d_fullres"}),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(run: Path, to: Any, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=f"{name}: wanted --to .* with this option, got --to {to}. Do this: omit it"):
        export(str(run), to=to, **option)


@pytest.mark.parametrize("option", ["classes", "channels"])
def test_a_network_has_classes_and_channels(run: Path, option: str) -> None:
    with pytest.raises(InputError, match=f"{option}: wanted at least 1, got 0"):
        export(str(run), to="monai", **{option: 0})
