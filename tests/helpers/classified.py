"""Labels of the small torsos, and a classification of them that nothing disturbed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orienteer.finetuning.finetune import finetune
from orienteer.runs.run import Run

QUICK: dict[str, Any] = {
    "task": "classification",
    "steps": 4,
    "batch": 2,
    "prepare_workers": 0,
    "accelerator": "cpu",
    "pictures": False,
    "folds": 3,
}
"""Settings of a classification of a second."""


@pytest.fixture(scope="session")
def parity(torsos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of labels of the torsos, two classes in turn, with a split column."""
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))
    rows = [f"{name},{'even' if i % 2 == 0 else 'odd'},{'train' if i < 4 else 'test'}" for i, name in enumerate(names)]
    path = tmp_path_factory.mktemp("parity") / "labels.csv"
    path.write_text("\n".join(["scan,label,split", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def classified(classify: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A classification that nothing disturbed. Read it, do not write into it."""
    return classify(tmp_path_factory.mktemp("classified") / "whole", pictures=True)


@pytest.fixture(scope="session")
def classify(finished: Run, parity: Path, torsos: Path, store: Path) -> Callable[..., Run]:
    """Returns `classify_torsos` for the finished run and that table; it takes the folder to write and settings."""
    return partial(classify_torsos, finished, parity, torsos, store)


def classify_torsos(run: Run, table: Path, torsos: Path, store: Path, out: Path, **settings: Any) -> Run:
    """Fine-tunes a run's encoder to classify the torsos."""
    given = {**QUICK, "images": str(torsos), "store": str(store), **settings}
    return finetune(run.folder, table, out, **given)
