"""The Dockerfile, which no test builds: its lines are those that a build needs, and hadolint has nothing to say about them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from orienteer.arguments import parse
from orienteer.cli import COMMANDS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined, comments left out."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines.splitlines() if line.strip())
    ]


def arguments(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def test_the_base_is_a_python_that_the_package_takes() -> None:
    (base,) = arguments("FROM")
    match = re.fullmatch(r"python:(3\.\d+)-slim-\w+", base)
    assert match is not None, "a version and a distribution, not latest"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert match[1] in SpecifierSet(wanted)


def test_what_it_copies_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [name.removeprefix("./") for line in arguments("COPY") for name in line.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(copied) == let_through
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    built_from = {"pyproject.toml", "build_version.py", ".git_archival.txt", "README.md", "LICENSE", "orienteer"}
    assert built_from <= set(copied)


def test_torch_comes_first_for_the_cpu_and_in_the_version_of_the_tests() -> None:
    defaults = dict(line.split("=", 1) for line in arguments("ARG"))
    (run,) = arguments("RUN")
    torch, package, *_ = run.split(" && ")
    assert defaults["TORCH_INDEX"].endswith("/cpu")
    assert f"torch=={defaults['TORCH_VERSION']}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert '--index-url "$TORCH_INDEX" "torch==${TORCH_VERSION}"' in torch
    assert "--constraint constraints.txt" in package
    assert all("--no-cache-dir" in part for part in (torch, package))


def test_it_does_not_run_as_root_and_writes_into_its_volume_only() -> None:
    (user,) = arguments("USER")
    assert user.isdigit()
    assert int(user) >= 1000
    assert arguments("VOLUME") == ["/runs"]
    words = [word for word, _ in instructions()]
    assert words.index("RUN") < words.index("USER") < words.index("ENTRYPOINT")


def test_its_command_is_one_of_ours() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert entry == '["orienteer"]'
    found, given = parse(
        "orienteer", "", COMMANDS, [word for word in shlex.split(command.strip("[]").replace(",", " "))]
    )
    assert found is COMMANDS["demo"]
    assert given["out"].startswith("/runs/")


def test_hadolint_finds_nothing() -> None:
    beside = shutil.which(
        "hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    if beside is None:
        pytest.skip("no hadolint: the extra dev is not installed")
    done = subprocess.run([beside, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
