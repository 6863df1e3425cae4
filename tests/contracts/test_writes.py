"""Files are written in one place: everything else goes through it, and inputs are only ever opened for reading."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "orienteer"

WRITERS = {
    "files.py": "the one place",
    "locks.py": "who holds the lock",
    "worker_process.py": "the log of a worker process",
    "exports": "into a temporary folder, whose files are moved",
    "runs/metrics_log.py": "lines are added to metrics.jsonl",
    "runs/atomic_checkpoints.py": "into a temporary file that takes the place of the checkpoint",
    "locating/crops.py": "into a temporary file that takes the place of the crop",
    "locating/field_cache.py": "arrays in memory, whose bytes are written by files.py",
    "explorer/open_page.py": "a page in a private folder of temporary files",
    "report/faults.py": "into a temporary file that takes the place of the copy",
    "auditing/scan_files.py": "into a temporary file that takes the place of the copy",
    "labelled/nifti.py": "a header of one voxel in the folder of temporary files",
    "phantoms": "synthetic scans, which the user asks for",
    "pretraining": "processes of one launch agree by small files",
    "scans/file_content.py": "an unpacked copy in the folder of temporary files",
    "store": "the arrays and the index",
    "comparison/plan/links.py": "copies where links cannot be made",
}
"""Files that may write, with the reason."""

WRITES = {
    "write_text",
    "write_bytes",
    "WriteImage",
    "save_file",
    "to_csv",
    "savez",
    "tofile",
    "copyfile",
    "copytree",
    "move",
}


def writes(source: str) -> list[str]:
    """Returns the calls in a source that write to a path."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of_a_path = isinstance(node.func, ast.Attribute)
        words = [
            item.value for item in [*node.args, *(k.value for k in node.keywords)] if isinstance(item, ast.Constant)
        ]
        opens = name == "open" and any(
            isinstance(word, str) and set(word) & set("wax+") and len(word) < 4 for word in words
        )
        if opens or (of_a_path and name in WRITES):
            found.append(f"line {node.lineno}: {name}")
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_only_the_known_places_write(file: Path) -> None:
    name = file.relative_to(PACKAGE).as_posix()
    if not any(name == known or name.startswith(f"{known}/") for known in WRITERS):
        assert writes(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("open(path)", 0),
        ("open(path, 'rb')", 0),
        ("path.open('r+b')", 1),
        ("open(path, mode='a')", 1),
        ("path.write_text('x')", 1),
        ("write_text(path, 'x')", 0),
        ("sitk.WriteImage(image, name)", 1),
        ("blosc2.open(path, mode='r')", 0),
    ],
)
def test_calls_that_write_are_recognised(source: str, count: int) -> None:
    assert len(writes(source)) == count
