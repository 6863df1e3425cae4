"""How long the explorer takes to start, until its address, the scan, and the first answers are there.

``python -m benchmarks.explore --json FILE``: a CT of 256 x 256 x 256 voxels, at the first start and at later ones, when the
prepared scan and its features are kept in the store. The client does what the page does. Times are those of the processor
(all threads and processes of the explorer), which another program on the same machine does not change, and on the clock.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.command import parser_of, save
from orienteer.explorer.kept import SETTLED_S
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain

EDGE_VOX, SPACING_MM = 256, 1.5
MILESTONES = ("address", "scan", "gaps", "similarity")
WAIT_S = 600.0

PAUSE_S = 0.25
"""Between questions while the explorer is not ready, as on the page: each takes the server a few ms."""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="starts with everything kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.repeats)
    print(table(result))
    save(options.json, result)


def measure(folder: Path, repeats: int) -> dict[str, Any]:
    """Returns seconds until each milestone, ``{"first": {...}, "later": {...}}``; those of later starts are medians."""
    write_phantoms(folder / "train", count=3, seed=0, labels=False, progress=False)
    settings = {"encoder": "tiny", "steps": 2, "batch": 2, "workers": 0, "prepare_workers": 0, "pictures": False}
    run = pretrain(folder / "train", folder / "run", header_steps=0, **settings).folder
    edge = (EDGE_VOX,) * 3
    (scan,) = write_phantoms(
        folder / "new", 1, seed=1, shape_vox=edge, spacing_mm=SPACING_MM, labels=False, progress=False
    )
    time.sleep(SETTLED_S + 1)  # what was just written is not kept
    starts = [start(run, scan) for _ in range(1 + repeats)]
    later = {name: {kind: _median(starts[1:], name, kind) for kind in ("cpu_s", "clock_s")} for name in MILESTONES}
    return {"edge_vox": EDGE_VOX, "first": starts[0], "later": later, "repeats": repeats}


def start(run: Path, scan: Path) -> dict[str, dict[str, float]]:
    """Starts the explorer once, asks what the page asks, and returns the time until each milestone."""
    times = {}
    with explorer(run, scan) as (process, begun):
        address = _address(process)
        times["address"] = _spent(process, begun)
        _answer(address, "api/first.nii")
        times["scan"] = _spent(process, begun)
        low, high = json.loads(_answer(address, "api/scans"))["scans"]["first"]["bounds_mm"]
        points = [[a + share * (b - a) for a, b in zip(low, high, strict=True)] for share in (0.45, 0.55)]
        _answer(address, "api/gaps", {"points_mm": points})
        times["gaps"] = _spent(process, begun)
        _answer(address, "api/heat", {"point_mm": points[0]})
        times["similarity"] = _spent(process, begun)
    return times


@contextmanager
def explorer(run: Path, scan: Path) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Runs ``orienteer explore`` while the block runs, and yields the process and when it was started."""
    command = [sys.executable, "-m", "orienteer", "explore", str(run), "--scan", str(scan), "--open-browser", "false"]
    begun = time.perf_counter()
    process = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        yield process, begun
    finally:
        process.terminate()
        process.wait(timeout=60)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    printed = re.search(r"http://\S+", process.stdout.readline())
    assert printed is not None, "the explorer ended before it printed its address"
    return printed[0]


def _answer(address: str, path: str, question: Any = None) -> bytes:
    """Returns the answer to a request, asked again while the explorer is not ready for it."""
    page, _, token = address.partition("?token=")
    data = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(page + path, data, {"X-Token": token, "Content-Type": "application/json"})
    ends = time.monotonic() + WAIT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > ends:
                raise
        time.sleep(PAUSE_S)


def _spent(process: subprocess.Popen[str], begun: float) -> dict[str, float]:
    times = psutil.Process(process.pid).cpu_times()
    worked = times.user + times.system + times.children_user + times.children_system
    return {"cpu_s": round(worked, 2), "clock_s": round(time.perf_counter() - begun, 2)}


def _median(starts: list[dict[str, dict[str, float]]], name: str, kind: str) -> float:
    return statistics.median(each[name][kind] for each in starts)


def table(result: dict[str, Any]) -> str:
    """Returns the times as lines of text."""
    lines = [
        f"{'until':<12} {'first start':>22} {'later starts':>22}",
        f"{'':<12}" + 2 * f" {'processor':>12} {'clock':>9}",
    ]
    for name in MILESTONES:
        cells = [result[kind][name] for kind in ("first", "later")]
        lines.append(f"{name:<12}" + "".join(f" {each['cpu_s']:>10.2f} s {each['clock_s']:>7.2f} s" for each in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
