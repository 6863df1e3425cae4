"""What locate writes for each scan: a table, markups that 3D Slicer opens on the scan, JSON, crops and transforms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.dicom.source_series import SourceSeries
from orienteer.files import write_csv, write_json
from orienteer.labelled.grids import Geometry
from orienteer.locating.answers import OUTSIDE, FoundPlace, LocatedScan
from orienteer.locating.formats.slicer_json import write_slicer_boxes, write_slicer_points
from orienteer.locating.places import Place, to_voxels
from orienteer.progress import say

TABLE, REPORT = "places.csv", "places.sr.dcm"
COLUMNS = (
    *("place", "verdict", "right_mm", "front_mm", "head_mm", "error_bar_mm"),
    *("voxel_0", "voxel_1", "voxel_2", "outside_probability", "spread_mm", "templates"),
)
"""Voxels are those of the scan's own file, in the order of its axes, and may be fractional."""


def write_scan(located: LocatedScan, grid: Geometry) -> None:
    """Writes places.csv, places.mrk.json, boxes.mrk.json and places.json into the scan's folder.

    Places outside the field of view are in the table, with where they would be, and not in the markups.
    """
    folder = located.folder
    write_csv(folder / TABLE, COLUMNS, [_row(place, grid) for place in located.places])
    shown = [place for place in located.places if place.verdict != OUTSIDE]
    words = [f"{place.verdict}, error bar {place.error_bar_mm:.0f} mm" for place in shown]
    write_slicer_points(folder / "places.mrk.json", [Place(each.name, each.point_mm) for each in shown], words)
    boxes = [(box.name, box.box_mm) for box in located.boxes if box.verdict != OUTSIDE]
    if boxes:
        write_slicer_boxes(folder / "boxes.mrk.json", boxes)
    write_json(folder / "places.json", scan_values(located, grid))


def write_dicom_report(located: LocatedScan, series: SourceSeries, sha256: str) -> None:
    """Writes places.sr.dcm into the scan's folder; places outside the field of view are not in it, as in the markups.

    Args:
        located: the scan.
        series: its DICOM series.
        sha256: of the weights.
    """
    shown = [place for place in located.places if place.verdict != OUTSIDE]
    if not shown:
        say(f"{located.name}: no {REPORT}, since all places lie outside the field of view")
        return
    from orienteer.dicom.report import ReportedPlace, write_report  # here: its dictionary of codes takes long to load

    places = [ReportedPlace(each.name, each.point_mm, each.error_bar_mm, each.verdict) for each in shown]
    write_report(located.folder / REPORT, places, series, sha256)


def write_all(folder: Path, scans: Sequence[LocatedScan], grids: Sequence[Geometry]) -> None:
    """Writes one table with the places of all scans."""
    rows = [[scan.name, *_row(place, grid)] for scan, grid in zip(scans, grids, strict=True) for place in scan.places]
    write_csv(folder / TABLE, ["scan", *COLUMNS], rows)


def scan_values(located: LocatedScan, grid: Geometry) -> dict[str, Any]:
    """Returns what was found in a scan as plain JSON values; lengths in mm in the body frame."""
    return {
        "scan": located.name,
        "frame": "mm towards right, front and head (RAS), as the scan's header states them",
        "places": [dict(zip(COLUMNS, _row(place, grid), strict=True)) for place in located.places],
        "boxes": [
            {
                "name": box.name,
                "verdict": box.verdict,
                "low_mm": _rounded(box.box_mm[0]),
                "high_mm": _rounded(box.box_mm[1]),
            }
            for box in located.boxes
        ],
        "affine": [
            {"matrix": each.affine.matrix.round(6).tolist(), "offset_mm": _rounded(each.affine.offset_mm)}
            for each in located.maps
        ],
        "warnings": list(located.warnings),
        "seconds": round(located.seconds, 3),
    }


def _row(place: FoundPlace, grid: Geometry) -> list[Any]:
    voxel = to_voxels(np.array(place.point_mm), grid)
    spread = None if place.spread_mm is None else round(place.spread_mm, 2)
    return [
        *(place.name, place.verdict, *_rounded(np.array(place.point_mm)), round(place.error_bar_mm, 2)),
        *(*_rounded(voxel), round(place.outside, 4), spread, place.templates),
    ]


def _rounded(values: np.ndarray) -> list[float]:
    rounded: list[float] = (np.round(values, 3) + 0.0).tolist()
    return rounded
