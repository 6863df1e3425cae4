"""What a DICOM header says of the distance of slices beside their positions, which alone count when a scan is read."""

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np
import pydicom

from orienteer.scans.source import ScanSource

_NUMBERS = ("SpacingBetweenSlices", "SliceThickness", "GantryDetectorTilt")
_SCANNER = ("Manufacturer", "ManufacturerModelName", "InstitutionName")
_TAGS = [*_NUMBERS, *_SCANNER, "ImagePositionPatient"]


@dataclass(frozen=True)
class Declared:
    """Numbers of a DICOM header; None where it lacks them.

    Attributes:
        between_mm: SpacingBetweenSlices.
        thickness_mm: SliceThickness.
        tilt_deg: GantryDetectorTilt.
        positions_mm: distance of slices by their positions.
        scanner: eight hexadecimal digits made of manufacturer, model and institution; empty where none is named.
    """

    between_mm: float | None
    thickness_mm: float | None
    tilt_deg: float | None
    positions_mm: float | None
    scanner: str = ""


def declared_spacing(source: ScanSource) -> Declared:
    """Returns what the headers of a series say of its slice distance: from its first slice, and from the first two places."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of unusual values; those that are no numbers become None
        heads = [
            pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS, force=True) for path in source.files[:2]
        ]
        between, thickness, tilt = (_number(heads[0].get(tag)) for tag in _NUMBERS)
        scanner = "|".join(str(heads[0].get(tag) or "") for tag in _SCANNER)
        places = [head.get("ImagePositionPatient") for head in heads]
        apart = None
        if len(places) == 2 and all(place is not None and len(place) == 3 for place in places):
            apart = float(np.linalg.norm(np.subtract(*[np.array([float(x) for x in place]) for place in places])))
    digits = (
        hashlib.blake2b(scanner.encode("utf-8", "replace"), digest_size=4).hexdigest() if scanner.strip("|") else ""
    )
    return Declared(between, thickness, tilt, apart, digits)


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if np.isfinite(number) else None
