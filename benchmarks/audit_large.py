"""How much memory and processor time comparing the scans of a large collection takes, apart from reading and registering them.

``python -m benchmarks.audit_large --scans 10000 --json FILE``: made-up descriptions and shifts stand for the scans: likely
neighbours, odd ones out, parts of the work, places in a common frame, and findings that all have are those of `audit`.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import parser_of, save
from orienteer.screening.everywhere import said_once
from orienteer.screening.extents import extents_of
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import Finding
from orienteer.screening.low_resolution import LowResolution
from orienteer.screening.nearest import nearest_others
from orienteer.screening.outliers import how_odd
from orienteer.screening.pairs import LIKELY, _promising
from orienteer.screening.shifts import Shift
from orienteer.screening.small_copies import SmallCopies
from orienteer.screening.tiles import parts_of

NUMBERS = 227
"""Numbers of a description."""


def measure(count: int, work: Path) -> dict[str, Any]:
    """Returns seconds of processor time and the peak of memory in GB after each part.

    Args:
        count: scans.
        work: folder for the small copies, of a few voxels here.
    """
    rng = np.random.default_rng(0)
    names = [f"scan {number:06d}" for number in range(count)]
    vectors = rng.normal(size=(count, NUMBERS)).astype(np.float32)
    copies = SmallCopies(work)
    for name in names:
        copies.add(name, LowResolution(np.zeros((2, 2, 2), np.uint8), 4.0, (0.0, 0.0, 0.0)))
    rows: dict[str, Any] = {"start": {"cpu_seconds": 0.0, "peak_gb": _peak_gb()}}

    def timed(part: str, work_on: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = work_on()
        rows[part] = {"cpu_seconds": round(time.process_time() - began, 1), "peak_gb": _peak_gb()}
        return result

    nearest, _ = timed("likely neighbours", lambda: nearest_others(vectors, LIKELY))
    pairs = sorted({(min(one, other), max(one, other)) for one, row in enumerate(nearest.tolist()) for other in row})
    timed("odd ones out", lambda: how_odd(vectors))
    parts = timed("parts of the work", lambda: list(parts_of(pairs)))
    places = rng.uniform(-200, 200, (count, 3))
    shifts = {
        (names[i], names[j]): Shift(float(rng.uniform(0.5, 1)), tuple((places[i] - places[j]).tolist()), 1.0)
        for i, j in pairs
    }
    registered = timed("pairs to register", lambda: _promising(shifts))
    timed("common frame", lambda: extents_of(copies, shifts))
    facts = [ScanFacts(name, "NIfTI", modality="CT") for name in names]
    findings = [Finding(name, "clipped", "warning", "clipped") for name in names]
    timed("findings of all", lambda: said_once(findings, facts))
    spectra = sum(len(numbers) for numbers, _ in parts)
    return {
        "scans": count,
        "pairs": len(pairs),
        "registered_pairs_at_most": len(registered),
        "spectra_a_pair": round(spectra / len(pairs), 2),
        "parts": rows,
    }


def _peak_gb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def main() -> None:
    """Measures and prints the values."""
    parser = parser_of(__doc__)
    parser.add_argument("--scans", type=int, default=10_000, help="scans of the made-up collection")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        values = measure(chosen.scans, Path(folder))
    print(values)
    save(chosen.json, values)


if __name__ == "__main__":
    main()
