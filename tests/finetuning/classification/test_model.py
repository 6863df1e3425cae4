"""A saved classifier computes the same after loading, with the same preparation; damaged files are refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from orienteer.errors import InputError
from orienteer.finetuning.classification.model import load_classifier, save_classifier
from tests.helpers.saved_models import SIZE, new_classifier


def test_a_classifier_comes_back_whole(tmp_path: Path) -> None:
    model = new_classifier()
    save_classifier(tmp_path, model, {"steps": 7})
    loaded = load_classifier(tmp_path)
    for name in ("classes", "view_size", "overlap", "preparation", "selection"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert json.loads((tmp_path / "model.json").read_text())["steps"] == 7
    views = torch.rand(1, 2, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded.network(views), model.network.eval()(views))


def test_loading_leaves_other_random_numbers_alone(classifier_folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_classifier(classifier_folder)
    assert torch.equal(torch.rand(1), expected)


def test_a_changed_file_and_another_number_of_classes_are_refused(classifier_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(classifier_folder, tmp_path / "copy")
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, "classes": ["a", "b", "c"]}))
    with pytest.raises(InputError, match=r"2 of another shape \['linear.weight', 'linear.bias'\]"):
        load_classifier(folder)
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="cut short or was changed"):
        load_classifier(folder)
