"""Hashes of the scans and labels of each part, from which the hashes of cells are made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orienteer.comparison.plan.parts import PARTS, Parts


@dataclass(frozen=True)
class Prints:
    """One hash for the scans of each part, and one for the scans, their names and their labels."""

    scans: Mapping[str, str]
    labelled: Mapping[str, str]


def part_prints(parts: Parts, contents: Mapping[str, str], labels: Mapping[str, str]) -> Prints:
    """Returns the hashes of all parts.

    Args:
        contents: hash of each case's scan, by name.
        labels: hash of each case's labels, by name.
    """
    scans, labelled = {}, {}
    for part in PARTS:
        names = parts.part(part)
        scans[part] = _digest(sorted(contents[name] for name in names))
        labelled[part] = _digest(sorted([name, contents[name], labels[name]] for name in names))
    return Prints(scans, labelled)


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
