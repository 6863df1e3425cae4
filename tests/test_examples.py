"""The scripts in examples/ run as they are and use public names only."""

import ast
import runpy
from pathlib import Path

import pytest

import orienteer

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))

every_example = pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)


@pytest.mark.slow
@every_example
def test_an_example_runs(script: Path, small_demo: None, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out


def assert_public_names_only(source: str) -> None:
    """Asserts that a source imports orienteer as a whole and uses names that it makes public."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("orienteer")
        elif isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith("orienteer.")]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "orienteer":
            assert node.attr in orienteer.__all__


@every_example
def test_an_example_uses_public_names_only(script: Path) -> None:
    assert_public_names_only(script.read_text())


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4
