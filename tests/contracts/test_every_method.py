"""The weights of any method can be exported, embedded and fine-tuned, with a decoder or without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.networks.nets import DynUNet

from orienteer.exports.export import export
from orienteer.features.embed import embed
from orienteer.features.pretrained import load
from orienteer.finetuning.finetune import finetune
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.weights import load_encoder
from tests.helpers.small_run import SMALL

QUICK: dict[str, Any] = {"accelerator": "cpu", "pictures": False}


@pytest.mark.parametrize(("method", "decoder"), [("reconstruction", True), ("default", False)])
def test_a_run_of_another_method_is_used_like_any(
    method: str, decoder: bool, torsos: Path, store: Path, tmp_path: Path
) -> None:
    network = {"encoder_arguments": {**SMALL["encoder_arguments"], "decoder": decoder}}
    # as many views as the method wants
    settings = {name: value for name, value in SMALL.items() if name not in ("views", "method")}
    run = pretrain(
        torsos, tmp_path / "run", method=method, store=str(store), **{**settings, **network, "steps": 5}
    ).folder
    quick = {**QUICK, "store": str(store)}

    exported = export(str(run), to="monai", classes=5)
    plain = DynUNet(**exported.written.facts["target_arguments"])
    plain.load_state_dict(torch.load(exported.files[0], weights_only=True), strict=True)
    encoder, card = load_encoder(run)
    assert card["method"] == method
    assert any(name.startswith("upsamples.") for name in encoder.transferable()) == decoder
    for name, tensor in encoder.transferable().items():
        assert torch.equal(plain.state_dict()[name], tensor), name

    scan = load(run).preprocess(next(torsos.glob("*.nii.gz")))
    assert [level.shape[1] for level in load(run)(scan.views()[:1])] == list(encoder.channels)
    vectors = embed(run, torsos, tmp_path / "vectors.npy", workers=0, **quick).vectors
    assert vectors.shape == (6, encoder.channels[-1])
    assert np.isfinite(vectors).all()

    tuned = finetune(
        run, images=str(torsos), labels=str(torsos / "labels"), out=tmp_path / "tuned", folds=1, steps=1, batch=1,
        patch_size=[16, 16, 16], prepare_workers=0, **quick,
    )  # fmt: skip
    assert tuned.summary["counts"]["failed"] == 0
    assert (tmp_path / "tuned" / "model.safetensors").exists()
