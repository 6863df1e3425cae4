"""The explorer's questions and answers over HTTP: JSON, and volumes as bytes with JSON in a header.

What imports torch is imported when it is asked for, so that the page is served before the model is loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Response
from pydantic import BaseModel

from orienteer.errors import InputError
from orienteer.explorer.nifti import scan_nifti
from orienteer.explorer.session import MOST_POINTS, Session, Which

if TYPE_CHECKING:
    from orienteer.explorer.explorer import Explorer

BYTES = "application/octet-stream"

DRAWN = ("name", "modality", "bounds_mm")
"""What the page knows of a scan before the model is loaded."""

ANSWER_HEADER = "X-Answer"
"""Holds the JSON that belongs to a volume in the body."""


class Points(BaseModel):
    """Points in the first scan, mm."""

    points_mm: list[list[float]]


class Point(BaseModel):
    """A point in the first scan, mm."""

    point_mm: list[float]


class HeatQuestion(Point):
    """A point, and the scan to compare with."""

    which: Which = "first"


def add_routes(app: FastAPI, session: Session) -> None:
    """Adds the routes that give the open scans, and answers about them."""
    _add_scans(app, session)
    _add_volumes(app, session)

    @app.get("/api/status")
    def status() -> dict[str, Any]:
        return session.status()

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(session.opened())

    @app.post("/api/gaps")
    def gaps(question: Points) -> dict[str, Any]:
        return plain_json(asdict(session.opened().gaps(question.points_mm)))

    @app.post("/api/same")
    def same(question: Point) -> dict[str, Any]:
        return plain_json(asdict(session.opened().same_place(question.point_mm)))


def _add_scans(app: FastAPI, session: Session) -> None:
    def volume(which: Which) -> Response:
        scan = session.drawn().get(which)
        if scan is None:
            raise InputError("second scan", wanted="one to compare with", got="none", do="give --scan twice")
        return Response(scan_nifti(scan.shown, scan.modality), media_type=BYTES)

    @app.get("/api/scans")
    def scans() -> dict[str, Any]:
        drawn = {which: {name: getattr(scan, name) for name in DRAWN} for which, scan in session.drawn().items()}
        return plain_json({"most_points": MOST_POINTS, "scans": drawn})

    @app.get("/api/first.nii")
    def first() -> Response:
        return volume("first")

    @app.get("/api/second.nii")
    def second() -> Response:
        return volume("second")


def _add_volumes(app: FastAPI, session: Session) -> None:
    @app.post("/api/heat")
    def heat(question: HeatQuestion) -> Response:
        answer = session.opened().heat(question.point_mm, question.which)
        left_out = ("cosine", "codes", "origin_mm", "cell_mm")
        return _volume(answer.codes, {name: each for name, each in asdict(answer).items() if name not in left_out})

    @app.get("/api/colours")
    def colours(which: Which = "first") -> Response:
        answer = session.opened().colours(which)
        rest = {name: each for name, each in asdict(answer).items() if name != "colours"}
        return _volume(answer.colours.transpose(3, 0, 1, 2), rest)


def _volume(cells: np.ndarray, answer: Mapping[str, Any]) -> Response:
    """Returns cells with the first axis fastest, as NIfTI has them, and the rest of the answer in the header."""
    head = {ANSWER_HEADER: json.dumps(plain_json(answer))}
    return Response(cells.tobytes(order="F"), media_type=BYTES, headers=head)


def _about(explorer: "Explorer") -> dict[str, Any]:
    loaded = explorer.loaded
    scans = {
        which: {
            "spacing_mm": scan.spacing_mm,
            "warnings": scan.warnings,
        }
        for which, scan in explorer.scans.items()
    }
    view_mm = np.array(explorer.size_vox) * explorer.first.spacing_mm
    bars = {
        name: {"scans": each.scans, "coverage": each.coverage, "rank_gaps": each.rank_gaps}
        for name, each in explorer.bars.items()
    }
    return plain_json(
        {
            "run": loaded.folder.resolve().name,
            "step": loaded.step,
            "method": loaded.config.method,
            "encoder": loaded.config.encoder,
            "view_mm": view_mm,
            "gap_tasks": explorer.gap_tasks,
            "bars": bars,
            "scans": scans,
        }
    )


def plain_json(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a mapping with arrays and tuples as lists.

    Example:
        >>> plain_json({"a": (np.zeros(2), 1)})
        {'a': [[0.0, 0.0], 1]}
    """
    return {key: _plain(value) for key, value in content.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return plain_json(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
