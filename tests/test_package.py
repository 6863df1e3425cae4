"""The wheel holds the package as it is in the repository and nothing else; extras and Python versions are as documented."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST_MB = 4.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the extra dev is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_it_is_small_enough_to_download_anywhere(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_MB * 1e6


def test_it_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    there = {path for path in (ROOT / "orienteer").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.startswith("orienteer-")]
        assert sorted(names) == sorted(path.relative_to(ROOT).as_posix() for path in there)
        for path in there:
            assert archive.read(path.relative_to(ROOT).as_posix()) == path.read_bytes(), path
    endings = {path.suffix for path in there}
    assert {".py", ".js", ".css", ".html", ".j2", ".typed"} <= endings  # pages and templates are files of the package


def test_it_has_the_command_and_the_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        rest = {name.partition("/")[2]: name for name in archive.namelist() if name.startswith("orienteer-")}
        assert archive.read(rest["entry_points.txt"]).decode().split() == [
            "[console_scripts]",
            "orienteer",
            "=",
            "orienteer.cli:main",
        ]
        assert archive.read(rest["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        assert "orienteer/explorer/page/NIIVUE_LICENSE" in archive.namelist()


def test_it_needs_no_file_of_this_machine(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist") or []
    assert len(requirements) > 20
    assert [each for each in requirements if "@" in each or "file:" in each] == []


def test_the_page_on_installing_lists_every_extra_and_python_version(metadata: Message) -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    extras = metadata.get_all("Provides-Extra") or []
    assert [extra for extra in extras if f"| `{extra}` |" not in page] == []
    classified = re.findall(r"Python :: (3\.\d+)$", "\n".join(metadata.get_all("Classifier") or []), re.MULTILINE)
    assert classified == ["3.11", "3.12", "3.13"]
    section = page.partition("## Python versions")[2].partition("\n## ")[0]
    assert f"For {', '.join(classified[:-1])} and {classified[-1]}, every dependency" in section
    assert metadata["Requires-Python"] == ">=3.11"


def test_extras_that_messages_name_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set()
    for file in (ROOT / "orienteer").rglob("*.py"):
        named |= set(re.findall(r"orienteer\[(\w+)\]", file.read_text()))
        named |= set(re.findall(r'require_packages\([^)]*extra="(\w+)"', file.read_text()))
    assert "explore" in named
    assert named <= set(extras)
