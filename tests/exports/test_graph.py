"""ONNX, TorchScript and torch.export, each run by its runtime, with and without a pretrained decoder."""

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


def assert_decoded(run: Path, levels: list[torch.Tensor]) -> None:
    """Asserts that the levels of one image are those of the decoder and not those of the encoder alone."""
    encoder, _ = load_encoder(run)
    with torch.no_grad():
        assert not torch.allclose(encoder.encode(images(1))[0], levels[0], atol=1e-2)


@pytest.mark.parametrize("name", ["tiny", "vit"])
def test_onnx_gives_the_features_for_any_number_of_images(name: str, save_run: SaveRun) -> None:
    vit = {"hidden_size": 24, "mlp_dim": 24, "num_heads": 2, "num_layers": 2}
    run = save_run(name, SIZE, **({**TINY, "decoder": True} if name == "tiny" else vit))
    exported = export(str(run), to="onnx")
    onnx.checker.check_model(str(exported.files[0]), full_check=True)
    session = onnxruntime.InferenceSession(exported.files[0], providers=["CPUExecutionProvider"])
    facts = json.loads((exported.folder / "export.json").read_text())
    assert [output.name for output in session.get_outputs()] == [output["name"] for output in facts["outputs"]]
    for batch in (5, 1):
        levels = [torch.from_numpy(level) for level in session.run(None, {"images": images(batch).numpy()})]
        assert_features(run, images(batch), levels)
    assert not list(exported.folder.glob("*.data")), "weights belong into the one file"
    if name == "tiny":
        assert_decoded(run, levels)


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize("to", ["torchscript", "torch-export"])
def test_torch_gives_the_features_for_any_number_of_images(to: Any, decoder: bool, save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY, decoder=decoder)
    file = export(str(run), to=to).files[0]
    program = torch.jit.load(file) if to == "torchscript" else torch.export.load(file).module()
    for batch in (5, 1):
        assert_features(run, images(batch), list(program(images(batch))))
    if decoder:
        assert_decoded(run, list(program(images(1))))


def test_another_size_of_views_can_be_chosen(save_run: SaveRun) -> None:
    run = save_run("tiny", SIZE, **TINY)
    exported = export(str(run), to="torchscript", view_size=(24, 8, 8))
    assert json.loads((exported.folder / "export.json").read_text())["input"]["shape"] == ["batch", 1, 24, 8, 8]
    with pytest.raises(InputError, match=r"view_size: wanted multiples of \(8, 8, 8\).*use \(24, 8, 8\)"):
        export(str(run), to="onnx", view_size=(23, 8, 8))
    assert not (run / "export" / "onnx").exists()
