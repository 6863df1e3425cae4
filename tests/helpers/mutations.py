"""Damages of the content of files, many from one seed; the damages themselves are those of the benchmark of faults."""

import json
import random
from collections.abc import Iterator
from typing import Any

from benchmarks.fault_damages import damaged_bytes, damaged_value


def damaged_copies(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yields copies with damaged bytes."""
    rng = random.Random(seed)
    for _ in range(count):
        yield damaged_bytes(content, rng)[0]


def damaged_values(value: Any, count: int, seed: int = 0) -> Iterator[str]:
    """Yields JSON texts in which one value, anywhere in it, is another one, lacks, or is new."""
    rng = random.Random(seed)
    for _ in range(count):
        yield json.dumps(damaged_value(value, rng)[0])
