"""Crops around the places and boxes that the user names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from orienteer.locating.answers import OUTSIDE, LocatedScan
from orienteer.locating.crops import crop_scan, write_image
from orienteer.output_names import safe_names
from orienteer.progress import say
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.source import ScanSource, Selection


def write_crops(
    located: LocatedScan, source: ScanSource, selection: Selection, names: Sequence[str], margin_mm: float
) -> None:
    """Writes ``crops/NAME.nii.gz`` for each name; says where there is none because the place is outside the scan.

    A name of a box cuts out the box, one of a place the place with the margin around it.
    """
    files = safe_names(names, ".nii.gz")
    for name in names:
        box = _box(located, name)
        image = None
        if box is not None:
            arguments = (source, selection, box, margin_mm)
            image = apart(source.name, source.files, crop_scan, *arguments, bounds=preparing_bounds)
        if image is None:
            say(f"{located.name}: no crop of {name}, which lies outside the field of view")
        else:
            write_image(located.folder / "crops" / files[name], image)


def _box(located: LocatedScan, name: str) -> Float64[np.ndarray, "2 3"] | None:
    """Returns what is cut out, in the body frame; None for a place outside the field of view."""
    boxes = [box.box_mm for box in located.boxes if box.name == name]
    if boxes:  # a part of it may show where its centre does not
        return boxes[0]
    places = [place for place in located.places if place.name == name and place.verdict != OUTSIDE]
    return np.array([places[0].point_mm] * 2) if places else None
