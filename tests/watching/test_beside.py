"""The page beside a training: it comes up in a process of its own and ends when the training does, however that ends."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from tests.watching.conftest import GrowingRun

TRAINING = """
import sys, time
from pathlib import Path
from orienteer.pretraining.page_beside import page_beside
with page_beside(Path(sys.argv[1]), wanted=True):
    print("training", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def training(folder: Path, seconds: float) -> Iterator[tuple[subprocess.Popen, str]]:
    """Starts a process that trains nothing beside a page, and yields it with the address of the page."""
    environment = {**os.environ, "BROWSER": "true"}  # a browser that shows nothing
    command = [sys.executable, "-c", TRAINING, str(folder), str(seconds)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        match = None
        while match is None:
            line = process.stdout.readline()
            assert line, "no address was printed"
            match = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", line)
        assert "ends with the training" in process.stdout.readline()
        yield process, match[0]


def is_served(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as page:
            return b"orienteer watch" in page.read()
    except (urllib.error.URLError, ConnectionError):
        return False


def ends(address: str, within_s: float = 30.0) -> bool:
    limit = time.monotonic() + within_s
    while is_served(address) and time.monotonic() < limit:
        time.sleep(0.2)
    return not is_served(address)


@pytest.mark.slow
@pytest.mark.parametrize("how", [None, signal.SIGKILL])
def test_the_page_ends_with_the_training(growing: GrowingRun, how: int | None) -> None:
    growing.at_step(3)
    with training(growing.folder, 2.0 if how is None else 600.0) as (process, address):
        assert is_served(address)
        if how is not None:
            process.send_signal(how)
        process.wait(timeout=60)
        assert is_served(address)  # a page that is open can still ask how the run ended
        assert ends(address)


@pytest.mark.slow
def test_ctrl_c_is_for_the_training(growing: GrowingRun) -> None:
    growing.at_step(3)
    command = [sys.executable, "-m", "orienteer.watching.beside", str(growing.folder)]
    environment = {**os.environ, "BROWSER": "true"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as page:
        assert page.stdout is not None
        assert page.stdin is not None
        page.stdout.readline()
        page.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert page.poll() is None
        page.stdin.close()
        assert page.wait(timeout=30) == 0
