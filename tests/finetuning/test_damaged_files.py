"""Damaged files of a fine-tuning are used, or refused in words: never a traceback."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import TypeCheckError

from orienteer.errors import InputError
from orienteer.finetuning.checks import write_same_split
from orienteer.finetuning.classification.model import load_classifier
from orienteer.finetuning.config import FinetuneConfig, make_config
from orienteer.finetuning.finetune import read_begun
from orienteer.finetuning.predictions_record import PredictionsRecord
from orienteer.finetuning.segmentation.model import load_segmentation
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.label_csv import read_label_csv
from orienteer.labelled.split_files import read_split_entries
from orienteer.runs.folder import write_config
from orienteer.text import printable
from tests.helpers.labelled import write_dataset
from tests.helpers.mutations import damaged_copies, damaged_values


def refused(file: Path, texts: list[bytes], use: Callable[[], Any]) -> int:
    """Uses a file in every damaged form; returns how often it was refused. Any other error fails the test."""
    messages = []
    for text in texts:
        file.write_bytes(text)
        try:
            use()
        except InputError as error:
            messages.append(str(error))
        except TypeCheckError as error:  # by the tests alone: Python takes an int for a float
            if not re.search(r"Actual value: -?\d+\s+Expected type: <class 'float'>", str(error)):
                raise
    assert all("Do this: " in message and printable(message) == message for message in messages)
    return len(messages)


def damaged(content: bytes, count: int) -> list[bytes]:
    """Half of the damages are of bytes, half of values."""
    values = damaged_values(json.loads(content), count // 2)
    return [*damaged_copies(content, count - count // 2), *(text.encode() for text in values)]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_model_json(tmp_path: Path, task: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(f"{task}_folder" if task == "segmentation" else "classifier_folder")
    shutil.copytree(folder, tmp_path / "model")
    load = load_segmentation if task == "segmentation" else load_classifier
    texts = damaged((folder / "model.json").read_bytes(), 200)
    assert refused(tmp_path / "model/model.json", texts, lambda: load(tmp_path / "model")) > 100


def test_predictions_json(tmp_path: Path) -> None:
    record = PredictionsRecord(tmp_path, "0" * 64)
    record.files, record.contents = {"a.nii": "a.nii.gz", "b/c.nii": "b/c.nii.gz"}, {"a.nii": "1f", "b/c.nii": "2e"}
    record.write([])
    file = tmp_path / "predictions.json"
    texts = damaged(file.read_bytes(), 200)
    assert refused(file, texts, lambda: PredictionsRecord.opened(tmp_path, "0" * 64)) > 50


def test_split_json(tmp_path: Path) -> None:
    split, contents = {"training": ["a", "b"], "test": ["c"]}, {"a": "1", "b": "2", "c": "3"}
    write_same_split(tmp_path, split, contents, resume=False)
    file = tmp_path / "split.json"
    texts = damaged(file.read_bytes(), 200)
    assert refused(file, texts, lambda: write_same_split(tmp_path, split, contents, resume=True)) > 150


def test_config_yaml(tmp_path: Path) -> None:
    config = make_config(
        {"data": "dataset.json", "out": "o", "patch_size": [16, 16, 16], "spacing_mm": [1.0, 1.0, 2.0]}
    )
    write_config(tmp_path, config.to_dict(), "finetune")
    file = tmp_path / "config.yaml"
    texts = [*damaged_copies(file.read_bytes(), 120), *(t.encode() for t in damaged_values(config.to_dict(), 200))]
    assert refused(file, texts, lambda: read_begun(tmp_path)) > 80
    assert isinstance(config, FinetuneConfig)


def test_dataset_json_and_split_files_of_the_user(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, cases=2)
    texts = damaged(path.read_bytes(), 200)
    assert refused(path, texts, lambda: read_dataset(str(path), None, None)) > 60
    file = tmp_path / "splits_final.json"
    texts = damaged(json.dumps([{"train": ["a", "b"], "val": ["c"]}]).encode(), 100)
    assert refused(file, texts, lambda: read_split_entries(file, ("train", "val"))) > 40


def test_labels_csv(tmp_path: Path) -> None:
    content = 'scan;label;split\n"a.nii";ill;train\nb.nii;well;train\n"c;d.nii";ill;test\n'
    for encoding in ("utf-8", "utf-16"):
        file = tmp_path / "labels.csv"
        texts = list(damaged_copies(content.encode(encoding), 200))
        assert refused(file, texts, lambda: read_label_csv(tmp_path / "labels.csv")) > 40
