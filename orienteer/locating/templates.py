"""Templates: scans in which places are marked, ready to find these places in others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orienteer.errors import InputError
from orienteer.labelled.grids import Geometry, source_geometry
from orienteer.locating.formats.label_map import names_in, read_label_places
from orienteer.locating.formats.reading import read_points
from orienteer.locating.places import Marks, Place, Region, beyond_mm, unique_names
from orienteer.locating.settings import LocateSettings
from orienteer.scans.apart import apart
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection


@dataclass(frozen=True)
class Template:
    """A scan with its marks.

    Attributes:
        source: the scan's file or series.
        grid: where its voxels lie.
        marks: places and regions in it.
    """

    source: ScanSource
    grid: Geometry
    marks: Marks


def read_templates(settings: LocateSettings) -> tuple[Template, ...]:
    """Returns the templates with all that is marked in them.

    Raises:
        InputError: a template that is no scan, marks that cannot be read, or a mark that lies outside its template.
    """
    selection = Selection(frame=settings.frame, modality=settings.modality)
    names = names_in(Path(settings.label_names)) if settings.label_names else None
    templates = []
    for number, path in enumerate(settings.template):
        source = _only_scan(path, selection)
        grid = apart(source.name, source.files, source_geometry, source)
        parts = []
        if settings.points:
            parts.append(read_points(settings.points[number]))
        if settings.labels:
            parts.append(read_label_places(Path(settings.labels[number]), source, names, settings.extremes))
        marks = _joined(parts)
        _check_inside(path, marks, grid)
        templates.append(Template(source, grid, marks))
    _check_crops(settings.crop, templates)
    return tuple(templates)


def all_names(templates: Sequence[Template]) -> tuple[str, ...]:
    """Returns the names of the places of all templates, each once, in their order."""
    return tuple(dict.fromkeys(name for template in templates for name in template.marks.names))


def _only_scan(path: str, selection: Selection) -> ScanSource:
    sources = discover(path, selection, progress=False).sources
    if len(sources) > 1:
        got = f"{len(sources)}, among them {sources[0].name} and {sources[1].name}"
        do = "name one file, or the folder of one DICOM series"
        raise InputError(f"template {path}", wanted="one scan", got=got, do=do)
    return sources[0]


def _joined(parts: Sequence[Marks]) -> Marks:
    """Returns the marks of several files together; names that both have get a number."""
    places = [place for part in parts for place in part.places]
    regions = [region for part in parts for region in part.regions]
    places = [
        Place(name, place.point_mm)
        for name, place in zip(unique_names([each.name for each in places]), places, strict=True)
    ]
    regions = [
        Region(name, region.outline_mm)
        for name, region in zip(unique_names([each.name for each in regions]), regions, strict=True)
    ]
    return Marks(tuple(places), tuple(regions))


def _check_inside(path: str, marks: Marks, grid: Geometry) -> None:
    away = beyond_mm(marks.points_mm, grid)
    limit = 2 * max(grid.spacing_mm)
    if (away > limit).any():
        worst = int(np.argmax(away))
        place = marks.places[worst]
        at = ", ".join(f"{value:g}" for value in place.point_mm)
        raise InputError(
            f"place {place.name!r}",
            wanted=f"a place inside the template {path}",
            got=f"({at}) mm towards right, front, head: {away[worst]:.0f} mm outside",
            do="check that the marks belong to this scan, and their frame (LPS or RAS)",
        )


def _check_crops(wanted: Sequence[str], templates: Sequence[Template]) -> None:
    known = list(all_names(templates))
    known += [region.name for template in templates for region in template.marks.regions]
    for name in wanted:
        if name not in known:
            examples = ", ".join(dict.fromkeys(known[:8]))
            raise InputError("crop", wanted="the name of a place or label", got=name, do=f"use one of {examples}")
