"""Places that were cut away from a scan: how often they are called outside the field of view, and how often others are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from benchmarks.locate_baselines import Measured
from benchmarks.locate_scans import Measurer, shared
from orienteer.labelled.grids import file_geometry
from orienteer.locating.answers import OUTSIDE
from orienteer.locating.doubt import estimate
from orienteer.locating.mapping import find_map
from orienteer.locating.places import beyond_mm
from orienteer.locating.verdicts import outside_probability, verdict

KEPT_SHARE = 0.6
"""Of a scan's length along an axis, where a part is cut away."""

CUTS = {"above": (2, False), "below": (2, True), "right": (0, False)}
"""Axis of the body, and whether its low end is cut."""


def cut_away(
    measurer: Measurer, scans: Sequence[Measured], count: int, work: Path, rng: np.random.Generator
) -> dict[str, Any]:
    """Returns how often places that were cut away, and places that are left, are called outside the field of view."""
    gone: list[bool] = []
    left: list[bool] = []
    for target in range(min(count, len(scans))):
        scan = scans[target]
        files = [_cut(scan.path, name, work / f"cut-{target}") for name in CUTS]
        for cut in measurer.measured(files, [scan.marks_mm] * len(files), work / f"cuts-{target}"):
            template = scans[int(rng.choice([other for other in range(len(scans)) if other != target]))]
            points, truth = shared(template, cut)
            grid = file_geometry(sitk.ReadImage(str(cut.path)))
            found = find_map(template.field, cut.field)
            for each, true in zip(estimate(found, points), truth, strict=True):
                outside = outside_probability(each.point_mm, each.error_bar_mm, grid)
                called = verdict(outside, each.error_bar_mm, each.trusted, grid) == OUTSIDE
                (gone if beyond_mm(true, grid) > 0 else left).append(called)
    return {
        "outside_recall": round(float(np.mean(gone)), 3) if gone else None,
        "outside_false": round(float(np.mean(left)), 3) if left else None,
        "cut_away": len(gone),
        "left": len(left),
    }


def _cut(path: Path, name: str, folder: Path) -> Path:
    """Writes a scan with a part cut away, in its own geometry, and returns its file."""
    axis, low = CUTS[name]
    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "RAS")
    size = list(image.GetSize())
    kept = round(KEPT_SHARE * size[axis])
    start = [0, 0, 0]
    start[axis] = size[axis] - kept if low else 0
    size[axis] = kept
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}_{path.name}"
    sitk.WriteImage(sitk.RegionOfInterest(image, size, start), str(file))
    return file
