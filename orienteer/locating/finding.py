"""Finds the places of templates in one scan: a map from each template, a vote among them, a verdict on each place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from orienteer.labelled.grids import Geometry
from orienteer.locating.answers import FoundBox, FoundPlace
from orienteer.locating.bending import Bent
from orienteer.locating.doubt import LEAST_AGREEMENT, Estimate, estimate, fused
from orienteer.locating.fields import ScanField
from orienteer.locating.map_settings import MapSettings
from orienteer.locating.mapping import FoundMap, find_map
from orienteer.locating.templates import Template, all_names
from orienteer.locating.verdicts import outside_probability, verdict


@dataclass(frozen=True)
class KnownTemplate:
    """A template with its field.

    Attributes:
        template: the scan and its marks.
        key: of the scan in the store.
        field: what places are found by.
    """

    template: Template
    key: str
    field: ScanField


class Answer(NamedTuple):
    """The places of one scan."""

    places: tuple[FoundPlace, ...]
    boxes: tuple[FoundBox, ...]
    maps: tuple[Bent, ...]
    warnings: tuple[str, ...]


def find_places(
    known: Sequence[KnownTemplate], scan: ScanField, grid: Geometry, settings: MapSettings | None = None
) -> Answer:
    """Returns the places and boxes of all templates in a scan.

    Args:
        known: the templates, with fields by the same encoder.
        scan: the field of the scan.
        grid: where the voxels of the scan's own file lie: its field of view.
        settings: how maps are searched.
    """
    maps = [find_map(each.field, scan, settings) for each in known]
    estimates = _estimates(known, maps)
    places = []
    for name in all_names([each.template for each in known]):
        one = fused([each[name] for each in estimates if name in each])
        outside = outside_probability(one.point_mm, one.error_bar_mm, grid)
        first, second, third = (float(value) for value in one.point_mm)
        places.append(
            FoundPlace(
                name=name,
                point_mm=(first, second, third),
                error_bar_mm=one.error_bar_mm,
                verdict=verdict(outside, one.error_bar_mm, one.trusted, grid),
                outside=outside,
                spread_mm=one.spread_mm,
                templates=one.templates,
            )
        )
    boxes = _boxes(known, maps, grid)
    return Answer(tuple(places), boxes, tuple(each.bent for each in maps), _warnings(known, maps, scan))


def _estimates(known: Sequence[KnownTemplate], maps: Sequence[FoundMap]) -> list[dict[str, Estimate]]:
    """Returns, for each template, its estimate of each of its places by name."""
    every = []
    for each, found in zip(known, maps, strict=True):
        marks = each.template.marks
        estimates = estimate(found, marks.points_mm)
        every.append(dict(zip(marks.names, estimates, strict=True)))
    return every


def _boxes(known: Sequence[KnownTemplate], maps: Sequence[FoundMap], grid: Geometry) -> tuple[FoundBox, ...]:
    boxes: dict[str, list[Float64[np.ndarray, "2 3"]]] = {}
    centres: dict[str, list[Estimate]] = {}
    for each, found in zip(known, maps, strict=True):
        for region in each.template.marks.regions:
            outline = found(region.outline_mm)
            boxes.setdefault(region.name, []).append(np.stack([outline.min(0), outline.max(0)]))
            centres.setdefault(region.name, []).append(estimate(found, region.box_mm.mean(0)[None])[0])
    answers = []
    for name, corners in boxes.items():
        centre = fused(centres[name])
        outside = outside_probability(centre.point_mm, centre.error_bar_mm, grid)
        answers.append(
            FoundBox(name, np.median(corners, axis=0), verdict(outside, centre.error_bar_mm, centre.trusted, grid))
        )
    return tuple(answers)


def _warnings(known: Sequence[KnownTemplate], maps: Sequence[FoundMap], scan: ScanField) -> tuple[str, ...]:
    warnings = []
    for each, found in zip(known, maps, strict=True):
        name = each.template.source.name
        if each.field.modality != scan.modality:
            warnings.append(f"this scan is {scan.modality}, the template {name} {each.field.modality}")
        if found.agreement < LEAST_AGREEMENT:
            warnings.append(
                f"hardly anything in this scan agrees with the template {name}: is it the same part of the body?"
            )
    return tuple(warnings)
