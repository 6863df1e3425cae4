"""Who may import whom, read from the source without importing it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "orienteer"

LAYERS = (
    {"text"},
    {"types", "tensors", "errors", "progress", "forms"},
    {"output_names", "worker_process", "help_text"},
    {"files", "settings", "arguments", "devices", "interrupts", "executor", "extras"},
    {"locks", "cluster"},
    {"geometry"},
    {"draw", "scans", "phantoms"},
    {"store"},
    {"views", "headers"},
    {"encoders", "tasks"},
    {"methods"},
    {"runs"},
    {"labelled"},
    {"features", "scoring", "dicom"},
    {"probing", "locating", "screening"},
    {"pretraining"},
    {"finetuning"},
    {"exports"},
    {"report", "explorer", "comparison"},
    {"auditing", "watching"},
    {"cli"},
    {"__main__"},
)
"""Lowest first. A part may import from lower layers only; parts of one layer do not see each other."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def part_of(file: Path) -> str:
    """The part of the package that a file belongs to: its folder, or its own name beside ``__init__``."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(source: str, package: str) -> set[str]:
    """Full names of what a file imports, in functions and under TYPE_CHECKING too.

    Args:
        source: text of the file.
        package: the package that it lies in, for relative imports.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, node.module] if node.module else above)
            found |= {f"{module}.{name.name}" for name in node.names}
    return found


def imported_parts(file: Path) -> set[str]:
    package = ".".join(("orienteer", *file.relative_to(PACKAGE).parts[:-1]))
    own = [name.split(".") for name in imported_modules(file.read_text(), package)]
    return {name[1] for name in own if name[0] == "orienteer" and len(name) > 1}


def allowed(importer: str, imported: str) -> bool:
    return importer == imported or LEVEL[imported] < LEVEL[importer]


FILES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


def ids(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_forbidden_arrow(file):
    importer = part_of(file)
    assert importer in LEVEL, f"{ids(file)}: give '{importer}' its place in LAYERS"
    for imported in imported_parts(file) & LEVEL.keys():
        assert allowed(importer, imported), f"{ids(file)} imports orienteer.{imported}, which lies above or beside it"


@pytest.mark.parametrize("file", sorted((PACKAGE / "tasks").glob("*.py")), ids=ids)
def test_tasks_do_not_import_each_other(file):
    if file.stem == "__init__":
        return
    from orienteer.tasks import TASKS

    modules = {task.__module__ for task in TASKS.values()} - {f"orienteer.tasks.{file.stem}"}
    for name in imported_modules(file.read_text(), "orienteer.tasks"):
        assert not any(name == module or name.startswith(f"{module}.") for module in modules), f"{ids(file)}: {name}"


@pytest.mark.parametrize("folder", ["runs", "pretraining", "report", "explorer"])
def test_no_name_of_a_task_occurs_where_all_tasks_are_alike(folder):
    """A fourth task must be one new file and one line in TASKS."""
    from orienteer.tasks import TASKS

    for file in sorted((PACKAGE / folder).rglob("*.py")):
        strings = [n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant)]
        assert not set(TASKS) & {text for text in strings if isinstance(text, str)}, ids(file)
        modules = {task.__module__ for task in TASKS.values()}
        imported = imported_modules(file.read_text(), f"orienteer.{folder}")
        assert not any(name.startswith(f"{module}.") for name in imported for module in modules), ids(file)


def test_geometry_has_no_networks_no_chance_and_no_files():
    for file in (PACKAGE / "geometry").glob("*.py"):
        names = imported_modules(file.read_text(), "orienteer.geometry")
        assert not any(name.startswith(("torch.nn", "random", "pathlib", "numpy.random")) for name in names), ids(file)


def test_what_worker_processes_import_to_read_scans_does_not_import_torch():
    """Torch takes seconds and 200 MB, for every process that reads scans."""
    readers = (
        "text",
        "types",
        "errors",
        "progress",
        "forms",
        "output_names",
        "files",
        "locks",
        "worker_process",
        "executor",
        "extras",
        "settings",
        "cluster",
    )
    parts = (*readers, "scans", "store")
    for file in FILES:
        if part_of(file) in parts:
            assert not any(name.startswith("torch") for name in imported_modules(file.read_text(), "")), ids(file)
            assert imported_parts(file) <= {*parts}, ids(file)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("import orienteer.tasks.gap", {"orienteer.tasks.gap"}),
        ("from orienteer import tasks", {"orienteer.tasks"}),
        ("from . import read", {"orienteer.scans.read"}),
        ("from ..tasks import TASKS", {"orienteer.tasks.TASKS"}),
        ("def f():\n    from orienteer.cli import main", {"orienteer.cli.main"}),
        ("if TYPE_CHECKING:\n    from orienteer.cli import main", {"orienteer.cli.main"}),
    ],
)
def test_the_reader_of_imports_sees_every_form(source, parts):
    assert imported_modules(source, "orienteer.scans") == parts


def test_forbidden_arrows_are_recognised():
    assert not allowed("tasks", "encoders")
    assert not allowed("encoders", "tasks")
    assert not allowed("geometry", "views")
    assert not allowed("scans", "store")
    assert not allowed("store", "views")
    assert not allowed("pretraining", "cli")
    assert allowed("cli", "pretraining")
    assert allowed("views", "scans")
