"""The version of what is built: from the tags of git, whatever a person has of the repository."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location("build_version", ROOT / "build_version.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def git(folder: Path, *words: str) -> None:
    names = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small repository that is built as this one is, without tags."""
    folder = tmp_path / "checkout"
    (folder / "orienteer").mkdir(parents=True)
    (folder / "orienteer" / "__init__.py").touch()
    for name in ("pyproject.toml", "build_version.py", ".git_archival.txt", ".gitattributes", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def built(folder: Path, kind: str) -> Path:
    """Builds a wheel or sdist with hatchling, as pip does."""
    pytest.importorskip("hatchling", reason="the extra dev is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder / "out")]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (path,) = (folder / "out").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


def test_a_clone_without_tags_has_the_newest_version_of_the_change_log(maker: ModuleType, checkout: Path) -> None:
    assert maker.version(checkout) == maker.RELEASED
    assert f"## [{maker.RELEASED}]" in (ROOT / "CHANGELOG.md").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == maker.RELEASED
    assert built(checkout, "wheel").name == f"orienteer-{maker.RELEASED}-py3-none-any.whl"


def test_a_tag_is_the_version_and_commits_after_it_are_of_the_next(maker: ModuleType, checkout: Path) -> None:
    git(checkout, "tag", "v9.8.7")
    git(checkout, "tag", "results-2030")  # no version
    assert maker.version(checkout) == "9.8.7"
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "second")
    assert maker.version(checkout) == "9.8.8.dev1"
    assert built(checkout, "wheel").name == "orienteer-9.8.8.dev1-py3-none-any.whl"


def test_an_sdist_of_a_tag_builds_a_wheel_of_that_version(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "tag", "v9.8.7")
    with tarfile.open(built(checkout, "sdist")) as archive:
        archive.extractall(tmp_path / "sdist", filter="data")
    wheel = built(tmp_path / "sdist" / "orienteer-9.8.7", "wheel")
    assert wheel.name == "orienteer-9.8.7-py3-none-any.whl"
    assert "orienteer/__init__.py" in zipfile.ZipFile(wheel).namelist()


def test_an_archive_of_git_has_the_version_of_its_tag(maker: ModuleType, checkout: Path, tmp_path: Path) -> None:
    for name, version in (("plain", maker.RELEASED), ("tagged", "9.8.7"), ("later", "9.8.8.dev1")):
        if name == "tagged":
            git(checkout, "tag", "v9.8.7")
        if name == "later":
            git(checkout, "commit", "--quiet", "--allow-empty", "--message", "second")
        git(checkout, "archive", "--output", str(tmp_path / f"{name}.tar"), "HEAD")
        with tarfile.open(tmp_path / f"{name}.tar") as archive:
            archive.extractall(tmp_path / name, filter="data")
        assert maker.version(tmp_path / name) == version, name


def test_the_tags_of_a_repository_around_it_do_not_count(maker: ModuleType, checkout: Path) -> None:
    git(checkout, "tag", "v9.8.7")
    inside = checkout / "third_party" / "orienteer"
    inside.mkdir(parents=True)
    assert maker.version(inside) == maker.RELEASED


def test_without_git_there_is_a_version(maker: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, "tag", "v9.8.7")
    monkeypatch.setenv("PATH", "")
    assert maker.version(checkout) == maker.RELEASED


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("v1.2.3-0-g0a1b2c3", "1.2.3"),
        ("v1.2.3-14-g0a1b2c3", "1.2.4.dev14"),
        ("v1.2.3-rc1", None),
        ("", None),
    ],
)
def test_what_git_describes_becomes_a_version(maker: ModuleType, described: str, version: str | None) -> None:
    assert maker.version_of(described) == (version or maker.RELEASED)
