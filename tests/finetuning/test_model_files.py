"""The files of a fine-tuned model: damaged, foreign or of another task, they are refused, and nothing in them is run."""

import hashlib
import json
import shutil

import pytest
import torch

from orienteer.errors import InputError
from orienteer.finetuning.classification.model import load_classifier
from orienteer.finetuning.model_files import read_model_card, read_model_state, write_model
from orienteer.finetuning.predict import predict
from orienteer.finetuning.segmentation.model import load_segmentation
from tests.helpers.disguise import MakesAFile

FACTS = {
    "classes": {"0": "background", "1": "bright"},
    "spacing_mm": [1.0, 1.0, 1.0],
    "intensity": {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0.5, 99.5]}},
    "modality": "MR",
    "overlap": 0.5,
    "target": "none",
    "target_arguments": {},
    "patch_size": [16, 16, 16],
}


def test_a_state_comes_back_whole_with_its_card(tmp_path):
    state = {"weight": torch.rand(2, 3), "step": torch.tensor(4)}
    write_model(tmp_path, "segmentation", state, FACTS)
    card = read_model_card(tmp_path, "segmentation")
    assert {key: card[key] for key in FACTS} == FACTS
    assert (card["format"], card["task"]) == (1, "segmentation")
    again = read_model_state(tmp_path, card)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_a_model_of_another_task_is_refused(segmentation_folder, classifier_folder):
    with pytest.raises(InputError, match="wanted the folder of a segmentation, got that of a classification"):
        load_segmentation(classifier_folder)
    with pytest.raises(InputError, match="wanted the folder of a classification, got that of a segmentation"):
        load_classifier(segmentation_folder)


def test_damaged_and_foreign_weights_are_refused(tmp_path, segmentation_folder):
    card, blob = (
        (segmentation_folder / "model.json").read_text(),
        (segmentation_folder / "model.safetensors").read_bytes(),
    )
    folder = tmp_path / "copy"
    folder.mkdir()
    with pytest.raises(InputError, match="none that can be read"):
        load_segmentation(folder)
    (folder / "model.json").write_text(card)
    with pytest.raises(InputError, match="no such file"):
        load_segmentation(folder)
    (folder / "model.safetensors").write_bytes(blob[:-10])
    with pytest.raises(InputError, match="cut short or was changed"):
        load_segmentation(folder)
    (folder / "model.safetensors").write_bytes(blob)
    other = json.loads(card)
    other["target_arguments"]["filters"] = [4, 8, 16]
    (folder / "model.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="of another shape"):
        load_segmentation(folder)


def test_a_pickle_in_place_of_the_model_is_never_run(tmp_path, segmentation_folder):
    folder, mark = tmp_path / "copy", tmp_path / "it_ran"
    folder.mkdir()
    torch.save({"network": MakesAFile(mark)}, folder / "model.safetensors")
    card = json.loads((segmentation_folder / "model.json").read_text())
    for sha256 in (card["sha256"], hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()):
        (folder / "model.json").write_text(json.dumps({**card, "sha256": sha256}))
        with pytest.raises(InputError, match="cut short or was changed|wanted a safetensors file"):
            load_segmentation(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: [], "wanted a table, got"),
        (lambda card: {**card, "format": 2}, "wanted format 1, got 2"),
        (lambda card: {key: card[key] for key in card if key != "patch_size"}, "wanted `patch_size` among its keys"),
        (lambda card: {**card, "target": "monai.networks.nets.hovernet.download_url"}, "check where the weights file"),
        (lambda card: {**card, "patch_size": [16, 16]}, "patch_size in .*: wanted 3 whole numbers"),
        (lambda card: {**card, "target_arguments": {"depth": 3}}, "target_arguments: wanted those of"),
        (
            lambda card: {**card, "task": "classification"},
            "classes in .*: wanted a list of texts|wanted `arguments` among its keys",
        ),
    ],
)
def test_a_damaged_model_json_is_refused(tmp_path, segmentation_folder, change, words):
    shutil.copy(segmentation_folder / "model.safetensors", tmp_path)
    card = json.loads((segmentation_folder / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(change(card)))
    with pytest.raises(InputError, match=words):
        predict(tmp_path, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_json_that_is_none_is_refused(tmp_path):
    (tmp_path / "model.json").write_bytes(b"\x00\xff")
    with pytest.raises(
        InputError, match=r"model\.json: wanted what .* writes, got none that can be read \(expecting value, line 1"
    ):
        load_segmentation(tmp_path)
