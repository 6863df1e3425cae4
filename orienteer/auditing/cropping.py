"""Copies of scans that are cut, foot to head, to the part of the common frame that most of them cover."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orienteer.auditing.scan_files import check_empty, paths_for, write_scan
from orienteer.files import write_csv
from orienteer.progress import tracked
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.screening.extents import Extent
from orienteer.screening.findings import Finding

FEW = 0.1
"""Share of the scans that may begin above the lower end of the common part, and as many may end below its upper end."""

LEAST_SCANS = 2
"""A frame of one scan has nothing in common with others."""

TABLE = "crops.csv"

HEAD = ("scan", "frame", "from_mm", "to_mm", "covered")
"""Columns of the table: how much of the common part of its frame each scan covers, 0 to 1."""


class Common(NamedTuple):
    """The part of a frame that most of its scans cover, foot to head.

    Attributes:
        frame: its number.
        begin_mm: lower end.
        end_mm: upper end.
    """

    frame: int
    begin_mm: float
    end_mm: float


def common_parts(extents: Mapping[str, Extent]) -> dict[int, Common]:
    """Returns the common part of each frame of at least two scans, where there is one.

    Example:
        >>> long, short = ((-150.0, -100.0, low) for low in (-200.0, -50.0))
        >>> high = (150.0, 100.0, 100.0)
        >>> extents = {"a": Extent(1, long, high, 1), "b": Extent(1, short, high, 1), "c": Extent(2, long, high, 0)}
        >>> common_parts(extents)
        {1: Common(frame=1, begin_mm=-50.0, end_mm=100.0)}
    """
    common = {}
    for frame in sorted({extent.frame for extent in extents.values()}):
        members = [extent for extent in extents.values() if extent.frame == frame]
        short = int(FEW * len(members))
        begin = sorted((each.begin_mm[2] for each in members), reverse=True)[short]
        end = sorted(each.end_mm[2] for each in members)[short]
        if len(members) >= LEAST_SCANS and begin < end:
            common[frame] = Common(frame, begin, end)
    return common


def write_cropped(
    folder: str | Path,
    sources: Mapping[str, ScanSource],
    extents: Mapping[str, Extent],
    findings: Sequence[Finding],
    selection: Selection,
) -> dict[str, Path]:
    """Writes copies, cut to the common part, of the scans that share a frame with others, and a table of what they cover.

    Scans with an error, and those that lie outside the common part, have no copy.

    Args:
        folder: a new or empty folder.
        sources: the scans by name.
        extents: of the scans.
        findings: of the audit.
        selection: how the scans are read.

    Raises:
        InputError: the folder holds something.
    """
    root = Path(folder)
    check_empty(root, "crop")
    common = common_parts(extents)
    wrong = {each.scan for each in findings if each.level == "error"}
    kept = {
        name: (extent, common[extent.frame])
        for name, extent in sorted(extents.items())
        if extent.frame in common and name in sources and name not in wrong and _covered(extent, common[extent.frame])
    }
    paths = paths_for(root, list(kept))
    for name in tracked(list(kept), "writing cropped copies", "scans"):
        source, (extent, part) = sources[name], kept[name]
        apart(name, source.files, _write, source, selection, extent, part, paths[name], bounds=preparing_bounds)
    rows = [
        [name, part.frame, round(part.begin_mm, 1), round(part.end_mm, 1), round(_covered(extent, part), 3)]
        for name, (extent, part) in kept.items()
    ]
    if rows:
        write_csv(root / TABLE, HEAD, rows)
    return paths


def cropped(scan: Scan, extent: Extent, part: Common) -> Scan:
    """Returns the slices of a scan that lie in a part of its frame; no value is interpolated.

    Args:
        scan: as it is read.
        extent: of the scan in the frame.
        part: overlaps the extent.

    Example:
        >>> scan = Scan("a", np.zeros((4, 4, 50), np.float32), (5.0,) * 3, (0.0, 0.0, 0.0), np.eye(3), "CT", "NIfTI")
        >>> extent = Extent(1, (-10.0, -10.0, -125.0), (10.0, 10.0, 125.0), 3)
        >>> cut = cropped(scan, extent, Common(1, -25.0, 50.0))
        >>> cut.voxels.shape, cut.origin_mm
        ((4, 4, 15), (0.0, 0.0, 100.0))
    """
    count, step_mm = scan.voxels.shape[2], scan.spacing_mm[2]
    middle_mm = (extent.begin_mm[2] + extent.end_mm[2]) / 2  # of the small copy, and of the scan
    low_mm = middle_mm - count * step_mm / 2
    start = round((part.begin_mm - low_mm) / step_mm)
    first = int(np.clip(start, 0, count - 1))
    last = int(np.clip(start + round((part.end_mm - part.begin_mm) / step_mm), first + 1, count))
    left, deep, high = scan.position_mm(np.array([0.0, 0.0, first])).tolist()
    return replace(scan, voxels=np.ascontiguousarray(scan.voxels[:, :, first:last]), origin_mm=(left, deep, high))


def _covered(extent: Extent, part: Common) -> float:
    shared = min(extent.end_mm[2], part.end_mm) - max(extent.begin_mm[2], part.begin_mm)
    return max(0.0, shared / (part.end_mm - part.begin_mm))


def _write(source: ScanSource, selection: Selection, extent: Extent, part: Common, path: Path) -> None:
    write_scan(cropped(read_scan(source, selection), extent, part), path)
