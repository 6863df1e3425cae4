"""The explorer's questions and answers over HTTP, as JSON."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from pydantic import BaseModel

from orienteer.errors import InputError
from orienteer.explorer.explorer import MOST_POINTS, Explorer, Which
from orienteer.explorer.nifti import cosine_nifti, scan_nifti


class Points(BaseModel):
    """Points in the first scan, mm."""

    points_mm: list[list[float]]


class Point(BaseModel):
    """A point in the first scan, mm."""

    point_mm: list[float]


class HeatQuestion(Point):
    """A point, and the scan to compare with."""

    which: Which = "first"


def add_routes(app: FastAPI, explorer: Explorer) -> None:
    """Adds the routes that give the open scans, and answers about them, as JSON."""
    volumes = {which: scan_nifti(scan) for which, scan in explorer.scans.items()}

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(explorer)

    @app.get("/api/status")
    def status() -> dict[str, Any]:
        return {"progress": explorer.progress, "failure": explorer.failure}

    @app.get("/api/first.nii")
    def first() -> Response:
        return Response(volumes["first"], media_type="application/octet-stream")

    @app.get("/api/second.nii")
    def second() -> Response:
        if "second" not in volumes:
            raise InputError("second scan", wanted="one to compare with", got="none", do="give --scan twice")
        return Response(volumes["second"], media_type="application/octet-stream")

    @app.post("/api/gaps")
    def gaps(question: Points) -> dict[str, Any]:
        return plain_json(asdict(explorer.gaps(question.points_mm)))

    @app.post("/api/heat")
    def heat(question: HeatQuestion) -> dict[str, Any]:
        answer = explorer.heat(question.point_mm, question.which)
        nifti = cosine_nifti(answer.cosine, answer.origin_mm, answer.cell_mm)
        rest = {key: value for key, value in asdict(answer).items() if key != "cosine"}
        return plain_json({**rest, "shape": list(answer.cosine.shape), "nifti": base64.b64encode(nifti).decode()})

    @app.post("/api/same")
    def same(question: Point) -> dict[str, Any]:
        return plain_json(asdict(explorer.same_place(question.point_mm)))


def _about(explorer: Explorer) -> dict[str, Any]:
    loaded = explorer.loaded
    scans = {
        which: {
            "name": scan.name,
            "modality": scan.modality,
            "shape_vox": scan.shape_vox,
            "spacing_mm": scan.spacing_mm,
            "bounds_mm": scan.bounds_mm,
            "warnings": scan.warnings,
        }
        for which, scan in explorer.scans.items()
    }
    view_mm = np.array(explorer.size_vox) * explorer.first.spacing_mm
    return plain_json(
        {
            "run": loaded.folder.resolve().name,
            "step": loaded.step,
            "method": loaded.config.method,
            "encoder": loaded.config.encoder,
            "view_mm": view_mm,
            "gap_tasks": explorer.gap_tasks,
            "most_points": MOST_POINTS,
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
