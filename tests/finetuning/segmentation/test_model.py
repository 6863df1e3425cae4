"""A saved segmentation computes the same after loading, with the same preparation."""

import json
import shutil

import torch

from orienteer.finetuning.segmentation.inference import window_logits
from orienteer.finetuning.segmentation.model import load_segmentation, save_segmentation
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from tests.helpers.saved_models import SIZE, new_segmentation


def test_a_model_comes_back_whole(tmp_path):
    preparation = Preparation((1.0, 2.0, 3.0), ct_window_hu=(-100.0, 300.0), crop_to_body=False)
    model = new_segmentation(preparation=preparation, selection=Selection(modality="CT"), overlap=0.25)
    save_segmentation(tmp_path, model, {"steps": 7})
    loaded = load_segmentation(tmp_path)
    for name in ("classes", "patch_size", "overlap", "preparation", "selection", "device"):
        assert getattr(loaded, name) == getattr(model, name), name
    card = json.loads((tmp_path / "model.json").read_text())
    assert (card["steps"], card["sha256"]) == (7, loaded.sha256)
    images = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    assert torch.equal(window_logits(loaded, images), window_logits(model, images))


def test_a_card_of_an_older_version_does_not_mention_the_crop(tmp_path, segmentation_folder):
    shutil.copytree(segmentation_folder, tmp_path / "model")
    card = json.loads((tmp_path / "model/model.json").read_text())
    del card["crop"]
    (tmp_path / "model/model.json").write_text(json.dumps(card))
    assert load_segmentation(tmp_path / "model").preparation == load_segmentation(segmentation_folder).preparation
