"""A labelled data set, one store, and fine-tunings that nothing disturbed, shared by the tests of fine-tuning."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from orienteer.finetuning.finetune import finetune
from orienteer.labelled.cases import LabelledCase, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.runs.run import Run
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store
from tests.helpers.labelled import SMALL, rewrite_labels, write_dataset

FROM_RUN: dict[str, Any] = {
    "patch_size": [16, 16, 16],
    "overlap": 0.0,
    "steps": 2,
    "batch": 1,
    "folds": 3,
    "output_layer": "new",
    "prepare_workers": 0,
    "accelerator": "cpu",
    "pictures": False,
}
"""Settings of a fine-tuning of a second whose network comes from a run."""


@pytest.fixture(scope="session")
def labelled_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset.json of six cases. Read them, do not change them."""
    return write_dataset(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="session")
def labelled_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: the scans are prepared once."""
    return str(tmp_path_factory.mktemp("labelled_store"))


@pytest.fixture(scope="session")
def organs(torsos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The scans that `finished` was pretrained on, with a label map of two classes each."""
    folder = tmp_path_factory.mktemp("organs")
    for path in (torsos / "labels").glob("*.nii.gz"):
        shutil.copy(path, folder)
        rewrite_labels(folder / path.name, lambda values: np.minimum(values, 2))
    return {"images": str(torsos), "labels": str(folder)}


@pytest.fixture(scope="session")
def segmented(labelled_data: Path, labelled_store: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A segmentation from scratch that nothing disturbed. Read it, do not write into it."""
    out = tmp_path_factory.mktemp("segmented") / "whole"
    return finetune(data=labelled_data, out=out, store=labelled_store, **{**SMALL, "pictures": True})


@pytest.fixture(scope="session")
def prepared_cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[LabelledCase]]:
    """A store with three prepared cases of 1 mm voxels."""
    folder = tmp_path_factory.mktemp("patches")
    data = read_dataset(str(write_dataset(folder, cases=3)), None, None)
    preparation = Preparation((1.0, 1.0, 1.0), crop_to_body=False)
    prepared = prepare_cases(data, folder / "store", preparation, Selection(modality="MR"), workers=0, shown=False)
    return Store.open(folder / "store"), list(prepared.cases.values())


@pytest.fixture
def data_copy(labelled_data: Path, tmp_path: Path) -> Path:
    """The folder of a data set of this test's own, to change."""
    shutil.copytree(labelled_data.parent, tmp_path / "data")
    return tmp_path / "data"


def csv_rows(file: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def model_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Returns the weights of a fine-tuned model."""
    return load_file(folder / "model.safetensors")


def same_weights(first: Path, second: Path) -> bool:
    """Returns whether two fine-tuned models have equal weights, to the last bit."""
    one, other = model_weights(first), model_weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
