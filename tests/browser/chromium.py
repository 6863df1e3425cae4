"""Runs scripts in a real headless Chromium through run.mjs, and skips with a word where that cannot be."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome")


def run_in_chromium(script: str | Path, *args: str | Path, timeout_s: float = 120.0) -> dict[str, Any]:
    """Returns ``{"value", "console", "requests"}`` of a script; see run.mjs. Skips the test where no browser is there.

    Args:
        script: a module for run.mjs; a bare name is one of this folder (``axe.mjs``).
        args: what the script gets as ``args``.
    """
    reason = why_not()
    if reason:
        pytest.skip(reason)
    path = HERE / script if Path(script).parent == Path() else Path(script)
    command = ["node", str(HERE / "run.mjs"), str(path), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=HERE, check=False)
    assert done.returncode == 0, f"{path.name} failed in Chromium:\n{done.stderr}\n{done.stdout}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def visit_page(file: Path) -> dict[str, Any]:
    """Goes through a page that is one file with mouse, keyboard, phone and printer, and asserts that all of them work.

    Returns:
        What page.mjs returns.
    """
    visit = run_in_chromium("page.mjs", file, timeout_s=300.0)
    value = visit["value"]
    assert [url for url in visit["requests"] if not url.startswith(("file:", "data:"))] == []
    for state in ("folded", "unfolded"):
        assert [(item["id"], item["nodes"]) for item in value[state]] == []
    assert value["keyboard"]["reached"] == value["keyboard"]["want"] > 0
    assert value["keyboard"]["hidden"] == 0  # wherever the focus is, it can be seen
    assert (value["opened"], value["closed"]) == (True, True)
    assert value["targets"]
    assert all(value["targets"])  # a link to a folded part opens it
    for state in ("phone_folded", "phone_unfolded"):
        assert value[state] == {"by": 0, "elements": []}
    return value


def why_not() -> str | None:
    """Returns why nothing can run in a browser here, or None."""
    if "CHROMIUM" not in os.environ and not any(shutil.which(name) for name in NAMES):
        return "no Chromium: apt-get install chromium, or set CHROMIUM to its path"
    if shutil.which("node") is None:
        return "no Node: apt-get install nodejs npm"
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        return "no playwright-core: npm ci --prefix tests/browser"
    return None
