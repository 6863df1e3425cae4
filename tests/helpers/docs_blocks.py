"""Finds the code blocks of a Markdown page, and runs them in order, as a reader would."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.cli import main

NOT_RUN = "<!-- not run -->"
"""The line before a block that cannot run in the tests. A comment, so that no renderer shows or misreads it."""

FENCE = re.compile(
    rf"(?P<not_run>^{re.escape(NOT_RUN)}\n)?^(?P<fence>`{{3,}})(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
RUN_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: the file that holds it.
        line: number of its first line of code, from 1.
        language: the word after the fence.
        runs: whether it is run: Python and bash are, unless the line before the fence is ``NOT_RUN``.
        code: what is between the fences.
    """

    page: Path
    line: int
    language: str
    runs: bool
    code: str


def blocks(page: Path) -> list[Block]:
    """Returns the fenced blocks of a page, in order."""
    text = page.read_text()
    result = []
    for match in FENCE.finditer(text):
        language = match["info"].strip()
        line = text.count("\n", 0, match.start("code")) + 1
        runs = language in ("python", "bash") and match["not_run"] is None
        result.append(Block(page, line, language, runs, match["code"]))
    return result


def run_page(page: Path, folder: Path) -> dict[str, Any]:
    """Runs the blocks of a page in ``folder``, which must be the current one; returns what Python blocks defined."""
    names: dict[str, Any] = {"__name__": "docs_page"}
    for block in blocks(page):
        if not block.runs:
            continue
        if block.language == "bash":
            _run_bash(block, folder)
        else:
            # Blank lines before the code make a traceback name the line of the page.
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
    return names


def commands(block: Block) -> list[list[str]]:
    """Returns the words after ``orienteer`` of each call in a bash block, up to a comment."""
    calls = []
    for line in block.code.replace("\\\n", " ").splitlines():
        words = line.partition(" #")[0].split()
        at = next((index for index, word in enumerate(words) if re.fullmatch(r"(.*/)?orienteer", word)), None)
        if at is not None and at + 1 < len(words):
            calls.append(words[at + 1 :])
    return calls


def _run_bash(block: Block, folder: Path) -> None:
    """Runs a block of commands; those of orienteer in this process, which has everything imported, unless bash is needed."""
    if re.search(r"[|&;<>$`(){}*?]", block.code):
        _run_in_bash(block, block.code, folder)
        return
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["orienteer"]:
            _run_in_bash(block, line, folder)
        elif (code := main(words[1:])) != 0:
            raise AssertionError(f"{block.page.name}, line {block.line}: exit code {code} of {line}")


def _run_in_bash(block: Block, code: str, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={"OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    if finished.returncode:
        place = f"{block.page.name}, line {block.line}"
        raise AssertionError(f"{place}: exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}")
