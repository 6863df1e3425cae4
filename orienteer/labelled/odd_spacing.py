"""Scans whose voxels are far larger or smaller than the others': another unit, or another kind of scan."""

import math
from collections.abc import Iterable

import numpy as np

from orienteer.errors import ScanError
from orienteer.labelled.datasets import Case
from orienteer.labelled.failures import failure_of
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import Selection
from orienteer.store.outcomes import Failure
from orienteer.types import TripleMm

MOST_RATIO = 8.0
"""Edges of voxels (cube root of the volume) further apart than this belong to another unit or another kind of scan."""


def odd_spacing(cases: Iterable[Case], selection: Selection, spacing_mm: TripleMm | None) -> list[Failure]:
    """Returns the cases to set aside: those with odd voxels, and those whose header cannot be read.

    Args:
        spacing_mm: the voxel size that scans are compared with; None compares them with each other.
    """
    failures: list[Failure] = []
    edges: dict[str, float] = {}
    cases = list(cases)
    headers = scan_headers([case.source for case in cases], selection)
    for case, (_, header) in zip(cases, headers, strict=True):
        if isinstance(header, ScanError):
            failures.append(failure_of(case.name, header))
        else:
            edges[case.name] = _edge(header.spacing_mm)
    usual = _edge(spacing_mm) if spacing_mm else float(np.median(list(edges.values()) or [math.nan]))
    for name, edge in edges.items():
        if not max(edge / usual, usual / edge) <= MOST_RATIO:
            reason = f"voxels of {edge:.3g} mm where {usual:.3g} mm are {'wanted' if spacing_mm else 'usual'}"
            do = "check the unit of its spacing; if it is right, set --spacing-mm"
            failures.append(Failure(name, "read", reason, do))
    return failures


def _edge(spacing_mm: TripleMm) -> float:
    return math.prod(spacing_mm) ** (1 / 3)
