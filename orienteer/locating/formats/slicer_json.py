"""3D Slicer's markups in JSON (.mrk.json): points of any kind of markup, and boxes (ROI).

The form is that of Slicer's `markups-schema-v1.0.3.json`; files state their frame, LPS (Slicer's own default) or RAS.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.locating.places import Marks, Place, Region, checked_places, flipped, unique_names

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
"""The name by which Slicer recognises the form; nothing is loaded from there."""

Frame = Literal["LPS", "RAS"]

UPRIGHT: dict[Frame, list[float]] = {
    "LPS": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
    "RAS": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
}
"""The axes of the body (RAS) in the frame of a file: the orientation of points and of boxes that are not turned."""

FACE_STEPS = 5
"""Points along each edge of a box that stand for its surface."""


def read_slicer_json(path: Path) -> Marks:
    """Returns the points of all markups in a file in their order, and its boxes.

    A markup with one point and a name gives its name to the point where that has none. Points that Slicer has not placed
    yet are left out.

    Raises:
        InputError: it cannot be read, or holds neither a point nor a box.
    """
    content = read_json(path, wanted="markups of 3D Slicer", do="save the markups from 3D Slicer again")
    markups = content.get("markups")
    if not isinstance(markups, list) or not all(isinstance(markup, dict) for markup in markups):
        raise _malformed(path, "a list `markups`", f"keys {', '.join(sorted(content)[:5]) or 'none'}")
    names: list[str] = []
    points: list[Float64[np.ndarray, 3]] = []
    regions: list[Region] = []
    for markup in markups:
        frame = _frame(path, markup)
        if markup.get("type") == "ROI":
            regions.append(Region(str(markup.get("name") or f"box {len(regions) + 1}"), _outline(path, markup, frame)))
            continue
        for name, position in _control_points(path, markup):
            names.append(name)
            points.append(_body(np.array(position), frame))
    names_of_regions = unique_names([region.name for region in regions])
    regions = [Region(name, region.outline_mm) for name, region in zip(names_of_regions, regions, strict=True)]
    if not names and regions:
        names = [region.name for region in regions]
        points = [region.box_mm.mean(0) for region in regions]
    return Marks(checked_places(str(path), names, np.array(points).reshape(-1, 3)), tuple(regions))


def write_slicer_points(
    path: Path, places: Sequence[Place], descriptions: Sequence[str] = (), frame: Frame = "LPS", name: str = "places"
) -> None:
    """Writes points as one markup that Slicer opens on the scan, whole or not at all.

    Args:
        path: ends in .mrk.json.
        places: in the body frame.
        descriptions: a text for each, shown beside it in Slicer's table.
        frame: of the file.
        name: of the markup.
    """
    rows = [
        {
            "id": str(number),
            "label": place.name,
            "description": text,
            "associatedNodeID": "",
            "position": _file(np.array(place.point_mm), frame),
            "orientation": UPRIGHT[frame],
            "selected": True,
            "locked": False,
            "visibility": True,
            "positionStatus": "defined",
        }
        for number, (place, text) in enumerate(zip(places, descriptions or [""] * len(places), strict=True), start=1)
    ]
    write_json(path, {"@schema": SCHEMA, "markups": [_markup("Fiducial", name, frame, rows)]})


def write_slicer_boxes(
    path: Path, boxes: Sequence[tuple[str, Float64[np.ndarray, "2 3"]]], frame: Frame = "LPS"
) -> None:
    """Writes boxes, each with its name, low and high corner in the body frame, as regions of interest for Slicer."""
    markups = []
    for name, box in boxes:
        centre = _file(box.mean(0), frame)
        point = {
            "id": "1",
            "label": name,
            "position": centre,
            "orientation": UPRIGHT[frame],
            "positionStatus": "defined",
        }
        markup = _markup("ROI", name, frame, [point])
        size = (box[1] - box[0]).tolist()
        markups.append(
            markup
            | {"roiType": "Box", "center": centre, "orientation": UPRIGHT[frame], "size": size, "insideOut": False}
        )
    write_json(path, {"@schema": SCHEMA, "markups": markups})


def _markup(kind: str, name: str, frame: Frame, points: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "coordinateSystem": frame,
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": points,
        "measurements": [],
    }


def _frame(path: Path, markup: dict[str, Any]) -> Frame:
    frame, units = markup.get("coordinateSystem", "LPS"), markup.get("coordinateUnits", "mm")
    if units not in ("mm", ["mm"]):
        raise _malformed(path, "lengths in mm", f"coordinateUnits {units!r}")
    if frame in ("LPS", "RAS"):
        return "LPS" if frame == "LPS" else "RAS"
    raise _malformed(path, "the coordinateSystem LPS or RAS", repr(frame))


def _control_points(path: Path, markup: dict[str, Any]) -> list[tuple[str, list[float]]]:
    points = markup.get("controlPoints", [])
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise _malformed(path, "a list `controlPoints`", type(points).__name__)
    placed = [point for point in points if point.get("positionStatus", "defined") in ("defined", "preview")]
    only = str(markup.get("name") or "") if len(placed) == 1 else ""
    return [(str(point.get("label") or only), _numbers(path, point.get("position"), 3)) for point in placed]


def _outline(path: Path, markup: dict[str, Any], frame: Frame) -> Float64[np.ndarray, "points 3"]:
    """Returns points on the faces of a box, which may be turned, in the body frame."""
    centre = markup.get("center")
    if centre is None:
        points = _control_points(path, markup)
        centre = points[0][1] if points else None
    size = np.array(_numbers(path, markup.get("size"), 3))
    axes = np.array(_numbers(path, markup.get("orientation", UPRIGHT[frame]), 9)).reshape(3, 3)
    steps = np.linspace(-0.5, 0.5, FACE_STEPS)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    faces = grid[np.abs(grid).max(1) == 0.5]
    return _body(np.array(_numbers(path, centre, 3)) + (faces * size) @ axes.T, frame)


def _numbers(path: Path, values: Any, count: int) -> list[float]:
    if isinstance(values, list) and len(values) == count and all(isinstance(value, int | float) for value in values):
        return [float(value) for value in values]
    raise _malformed(path, f"{count} numbers in mm", repr(values)[:60])


def _body(points: Float64[np.ndarray, "*points 3"], frame: Frame) -> Float64[np.ndarray, "*points 3"]:
    return flipped(points) if frame == "LPS" else points


def _file(point_mm: Float64[np.ndarray, "3"], frame: Frame) -> list[float]:
    values: list[float] = (_body(point_mm, frame) + 0.0).tolist()  # adding zero turns -0.0 into 0.0
    return values


def _malformed(path: Path, wanted: str, got: str) -> InputError:
    return InputError(str(path), wanted=wanted, got=got, do="save the markups from 3D Slicer again")
