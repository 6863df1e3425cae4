"""What a store costs as it grows: time to open it, memory to read from it, memory to prepare one scan.

``python -m benchmarks.store --json FILE``. Memory is the resident set of a fresh process. Every measured process does
the same work on a store with few and with many entries, so that only the number of entries differs.
"""

import json
import multiprocessing
import os
import statistics
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import SimpleITK as sitk

from benchmarks.command import parser_of, save
from benchmarks.timing import timed
from orienteer.files import write_bytes
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import Selection
from orienteer.store.index import Index, entry_of
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store, array_path

SETTINGS = Preparation(spacing_mm=(1.0, 1.0, 1.0))
EDGE_VOX = 256
FEW, MANY, HUGE = 100, 10_000, 100_000
VIEWS = 3000


def main() -> None:
    options = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    print(_table(result))
    save(options.json, result)


def measure(folder: Path) -> dict[str, float]:
    """Returns all numbers of the benchmark."""
    _write_scan(folder / "small" / "small.nii.gz", 80, 0)
    _write_scan(folder / "large" / "large.nii", EDGE_VOX, 0)
    result: dict[str, float] = {}
    for count in (FEW, MANY, HUGE):
        _store(folder, count)
        result[f"open_seconds_{count}"] = statistics.median(_open_seconds(folder / str(count)) for _ in range(5))
    for count in (FEW, MANY):
        result[f"reader_mb_{count}"] = _apart(_reader_bytes, folder / str(count)) / 1e6
    result["reader_growth_mb"] = result[f"reader_mb_{MANY}"] - result[f"reader_mb_{FEW}"]
    scan_bytes = EDGE_VOX**3 * 4
    for name, spacing in (("same_spacing", (1.0, 1.0, 1.0)), ("resampled", (0.95, 1.0, 1.05))):
        peak, seconds = _apart(_preparing_bytes, folder / "large", spacing)
        result[f"preparing_{name}_peak_over_scan"] = peak / scan_bytes
        result[f"preparing_{name}_seconds"] = seconds
    return result


def _table(result: dict[str, float]) -> str:
    lines = [f"{'entries':>8} {'open, s':>9} {'reader, MB':>11}"]
    for count in (FEW, MANY, HUGE):
        memory = result.get(f"reader_mb_{count}")
        lines.append(
            f"{count:>8} {result[f'open_seconds_{count}']:>9.4f} {'' if memory is None else f'{memory:.1f}':>11}"
        )
    lines += ["", f"preparing one scan of {EDGE_VOX}^3 voxels; its own size: {EDGE_VOX**3 * 4 / 1e6:.0f} MB as float32"]
    for name in ("same_spacing", "resampled"):
        peak, seconds = result[f"preparing_{name}_peak_over_scan"], result[f"preparing_{name}_seconds"]
        lines.append(f"{name.replace('_', ' '):>14}: peak memory {peak:.1f} times the scan, {seconds:.1f} s")
    return "\n".join(lines)


def _write_scan(path: Path, edge: int, seed: int) -> None:
    """Writes a body of tissue in air as a CT."""
    rng = np.random.default_rng(seed)
    across = ((np.indices((edge, edge)) / edge - 0.5) ** 2).sum(axis=0)
    body = (across < 0.16)[..., None]
    voxels = np.where(body, 40, -1000).astype(np.int16) + rng.integers(-30, 30, (edge, edge, edge), dtype=np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(voxels.transpose(2, 1, 0)), str(path))


def _store(folder: Path, count: int) -> None:
    """Makes a store of ``count`` entries: the first hundred have arrays of their own, the others only rows."""
    store = folder / str(count)
    report = prepare_folder(folder / "small", store, preparation=SETTINGS, workers=0, progress=False)
    with Index.for_writing(store) as index:
        scan, checksum = index.find(report.keys[0])  # type: ignore[misc]
        content = array_path(store, scan.key).read_bytes()
        keys = [f"{number:032x}" for number in range(1, count)]
        rows = [(key, SETTINGS.fingerprint(), scan.nbytes, checksum, _entry(scan, key)) for key in keys]
        index._connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?, ?)", rows)
        index._connection.commit()
    for key in keys[:FEW]:
        write_bytes(array_path(store, key), content)


def _entry(scan: Any, key: str) -> str:
    return json.dumps(entry_of(scan) | {"key": key, "name": f"{key}.nii.gz"})


def _open_seconds(store: Path) -> float:
    return timed(lambda: Store.open(store).close()).seconds


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns the result of a function in a fresh process, whose memory nothing else has used."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _reader_bytes(store: Path) -> int:
    """Returns by how much a process grows that lists all keys and reads views of the scans."""
    process, before = psutil.Process(), psutil.Process().memory_info().rss
    rng = np.random.default_rng(0)
    with Store.open(store) as reader:
        keys = reader.keys(SETTINGS.fingerprint())
        readable = keys[:FEW]
        for number in range(VIEWS):
            scan = reader.scan(readable[number % len(readable)])
            start0, start1, start2 = (int(rng.integers(0, edge - 31)) for edge in scan.shape_vox)
            reader.read(scan.key, (start0, start1, start2), (32, 32, 32))
        return process.memory_info().rss - before


def _preparing_bytes(folder: Path, spacing_mm: tuple[float, float, float]) -> tuple[int, float]:
    """Returns the peak by which a process grows that prepares one scan, and the time it takes."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    source = discover(folder, progress=False).sources[0]
    before, peak, done = psutil.Process().memory_info().rss, [0], threading.Event()

    def watch() -> None:
        process = psutil.Process(os.getpid())
        while not done.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds = timed(lambda: prepare_scan(source, Selection(), Preparation(spacing_mm=spacing_mm))).seconds
    done.set()
    watcher.join()
    return peak[0] - before, seconds


if __name__ == "__main__":
    main()
