"""ONNX, TorchScript and torch.export, each run by its own runtime."""

import json
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch

from orienteer.errors import InputError
from orienteer.exports.export import export
from orienteer.runs.weights import load_encoder
from tests.helpers.saved_runs import SaveRun

SIZE = (16, 16, 32)
TINY: dict[str, Any] = {"filters": [4, 8, 8]}


def images(batch: int) -> torch.Tensor:
    return torch.rand(batch, 1, *SIZE, generator=torch.Generator().manual_seed(7)) * 2 - 1


def assert_features(run: Path, batch: torch.Tensor, levels: list[torch.Tensor]) -> None:
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        for ours, theirs in zip(encoder(batch), levels, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["tiny", "vit"])
def test_onnx_gives_the_features_for_any_number_of_images(name: str, save_run: SaveRun) -> None:
    arguments = TINY if name == "tiny" else {"hidden_size": 24, "mlp_dim": 24, "num_heads": 2, "num_layers": 2}
    run = save_run(name, SIZE, **arguments)
    exported = export(str(run), to="onnx")
    onnx.checker.check_model(str(exported.files[0]), full_check=True)
    session = onnxruntime.InferenceSession(exported.files[0], providers=["CPUExecutionProvider"])
    facts = json.loads((exported.folder / "export.json").read_text())
    assert [output.name for output in session.get_outputs()] == [output["name"] for output in facts["outputs"]]
    for batch in (1, 5):
        levels = session.run(None, {"images": images(batch).numpy()})
        assert_features(run, images(batch), [torch.from_numpy(level) for level in levels])
    assert not list(exported.folder.glob("*.data")), "weights belong into the one file"


def test_torchscript_gives_the_features_for_any_number_of_images(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY)
    loaded = torch.jit.load(export(str(run), to="torchscript").files[0])
    for batch in (1, 5):
        assert_features(run, images(batch), loaded(images(batch)))


def test_torch_export_gives_the_features_for_any_number_of_images(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY)
    program = torch.export.load(export(str(run), to="torch-export").files[0]).module()
    for batch in (1, 5):
        assert_features(run, images(batch), program(images(batch)))


def test_another_size_of_views_can_be_chosen(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY)
    exported = export(str(run), to="torchscript", view_size=(24, 8, 8))
    assert json.loads((exported.folder / "export.json").read_text())["input"]["shape"] == ["batch", 1, 24, 8, 8]
    with pytest.raises(InputError, match=r"view_size: wanted multiples of \(8, 8, 8\).*use \(24, 8, 8\)"):
        export(str(run), to="onnx", view_size=(23, 8, 8))
    assert not (run / "export" / "onnx").exists()


@pytest.mark.parametrize("to", ["onnx", "torchscript", "torch-export"])
def test_a_pretrained_decoder_is_part_of_the_graph(to: Any, save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY, decoder=True)
    file = export(str(run), to=to).files[0]
    if to == "onnx":
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        levels = [torch.from_numpy(level) for level in session.run(None, {"images": images(1).numpy()})]
    else:
        loaded = torch.jit.load(file) if to == "torchscript" else torch.export.load(file).module()
        levels = list(loaded(images(1)))
    assert_features(run, images(1), levels)
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        assert not torch.allclose(encoder.encode(images(1))[0], levels[0], atol=1e-2)  # the decoder's, not the way down
