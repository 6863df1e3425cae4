"""The run of the docstrings' examples: trained once per session, copied where another example asks for it.

A plugin of its own, since the fixtures of tests/conftest.py do not reach the docstrings of the package.
"""

import shutil
from pathlib import Path

import pytest

from tests.helpers.shared import made_once

NAME = "example_run"


@pytest.fixture
def copied_example(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `example_run` hand out copies. Its own example has taken the function before, and trains."""
    from orienteer.pretraining import example

    train = example.example_run

    def example_run(folder: str | Path) -> tuple[Path, list[Path]]:
        made, scans = made_once(tmp_path_factory, NAME, train)
        copy = shutil.copytree(made.parent, Path(folder), dirs_exist_ok=True)
        config = copy / made.name / "config.yaml"
        config.write_text(config.read_text().replace(str(made.parent), str(copy)))
        return copy / made.name, [copy / scan.relative_to(made.parent) for scan in scans]

    monkeypatch.setattr(example, NAME, example_run)


@pytest.fixture(autouse=True)
def shared_example(request: pytest.FixtureRequest) -> None:
    """Asks for the copies where a docstring needs the run."""
    item = request.node
    if isinstance(item, pytest.DoctestItem) and any(NAME in example.source for example in item.dtest.examples):
        request.getfixturevalue("copied_example")
