"""Versions that must never be installed: those with known holes, and packages that only look alike."""

import ast
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] not in "#-"]
    return [
        Requirement(line) for line in [*project["dependencies"], *(item for extra in extras for item in extra), *lines]
    ]


@pytest.mark.parametrize("version", ["2.6.0", "2.6.1", "2.6.5", "2.5.6"])
def test_versions_of_lightning_that_run_code_from_a_checkpoint_are_never_installed(version: str) -> None:
    wanted = [item for item in requirements() if item.name == "pytorch-lightning"]
    assert wanted
    assert not any(item.specifier.contains(version) for item in wanted)


def test_the_package_lightning_is_neither_asked_for_nor_imported() -> None:
    assert "lightning" not in {item.name for item in requirements()}
    for file in (ROOT / "orienteer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "lightning" for name in names), file
