"""The version of what is built from this folder: from the tags of git, as `hatchling` asks for it (see pyproject.toml).

A clone without tags and an archive without git have the version `RELEASED`, so that both can be installed.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent

RELEASED = "0.1.0"
"""The newest version in CHANGELOG.md and CITATION.cff."""

ARCHIVE = ".git_archival.txt"
"""A file into which ``git archive`` writes the nearest tag."""


def version(root: Path = ROOT) -> str:
    """Returns the version of a checkout: a tag's, the next one's ``.devN`` for N commits after a tag, or `RELEASED`.

    Args:
        root: the folder of the checkout; a repository that it merely lies in does not count.
    """
    described = _described_by_git(root) or _described_by_archive(root)
    return version_of(described) if described else RELEASED


def version_of(described: str) -> str:
    """Returns the version for what ``git describe`` says.

    Example:
        >>> version_of("v0.2.0"), version_of("v0.2.0-0-gabc1234"), version_of("v0.2.0-7-gabc1234")
        ('0.2.0', '0.2.0', '0.2.1.dev7')
        >>> version_of("no version")
        '0.1.0'
    """
    match = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)(?:-(\d+)-g[0-9a-f]+)?", described)
    if match is None:
        return RELEASED
    major, minor, patch, commits = (int(number or 0) for number in match.groups())
    return f"{major}.{minor}.{patch + 1}.dev{commits}" if commits else f"{major}.{minor}.{patch}"


def _described_by_git(root: Path) -> str:
    if _git(root, "rev-parse", "--show-toplevel") != str(root.resolve()):
        return ""
    return _git(root, "describe", "--tags", "--long", "--match", "v[0-9]*")


def _described_by_archive(root: Path) -> str:
    file = root / ARCHIVE
    text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return "" if "$" in text else text


def _git(root: Path, *words: str) -> str:
    """Returns what git prints; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
