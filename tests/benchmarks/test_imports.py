"""Benchmarks import one way: from the package and from each other without a circle; the package never imports them."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.contracts.test_imports import imported_modules

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted(file for file in (ROOT / "benchmarks").glob("*.py") if file.stem != "__init__")


def imported_benchmarks(source: str) -> set[str]:
    """Returns the names of the benchmarks that a file imports, also inside functions."""
    names = [name.split(".") for name in imported_modules(source, "benchmarks")]
    return {name[1] for name in names if name[0] == "benchmarks" and len(name) > 1}


def order(graph: dict[str, set[str]]) -> list[str]:
    return list(TopologicalSorter(graph).static_order())


def test_no_circle_among_benchmarks():
    graph = {file.stem: imported_benchmarks(file.read_text()) for file in BENCHMARKS}
    assert set(order(graph)) == {file.stem for file in BENCHMARKS}


def test_tables_then_goals_then_page_then_command():
    graph = {file.stem: imported_benchmarks(file.read_text()) for file in BENCHMARKS if file.stem.startswith("results")}
    ranked = order(graph)
    parts = ("results_curves", "results_tables", "results_goals", "results_page", "results")
    assert sorted(parts, key=ranked.index) == list(parts)


def test_a_circle_is_recognised():
    with pytest.raises(CycleError, match="cycle"):
        order({"a": imported_benchmarks("def f():\n    from benchmarks.b import g"), "b": {"a"}})


def test_the_package_never_imports_benchmarks():
    for file in (ROOT / "orienteer").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) benchmarks\b", file.read_text(), re.MULTILINE), file


DAMAGE = {"fault_damages", "fault_process", "fault_tampering"}
"""They damage files on purpose, and write from processes whose renames are counted."""


@pytest.mark.parametrize("file", [file for file in BENCHMARKS if file.stem not in DAMAGE], ids=lambda file: file.stem)
def test_benchmarks_write_files_only_through_the_shared_writers(file):
    attributes = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
    assert not attributes & {"write_text", "write_bytes", "dump"}
