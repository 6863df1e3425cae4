"""Places from a label map: the centroid of each class, the ends of its extent, and its box."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float64, Int64, UInt8

from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.labelled.datasets import Case
from orienteer.labelled.grids import Geometry
from orienteer.labelled.label_maps import classes_in, read_label_map
from orienteer.locating.places import Marks, Place, Region, from_voxels
from orienteer.scans.refuse import quiet_itk
from orienteer.scans.source import ScanSource

ENDS = (("left", "right"), ("back", "front"), ("foot", "head"))
"""Names of the low and the high end of each axis of the body."""

OUTLINE = 400
"""Voxels of a class, beside its outermost ones, from which its box in another scan is made."""


def read_label_places(
    path: Path, scan: ScanSource, names: Mapping[int, str] | None = None, extremes: bool = False
) -> Marks:
    """Returns the centroid of each class of a label map, and its extent.

    Args:
        path: label map on the voxels of the scan.
        scan: the scan that it belongs to.
        names: of the label values; by default those that the file or a dataset.json beside it names.
        extremes: the outermost points of each class along the axes of the body too, as ``liver left``.

    Raises:
        InputError: a label map that cannot be read, is empty, or lies on other voxels than the scan.
    """
    case = Case(path.name, scan, path)
    values = sorted(classes_in([case], shown=False))
    labels, grid = read_label_map(case, values)
    known = names if names is not None else class_names(path)
    places: list[Place] = []
    regions = []
    for index, value in enumerate(values):
        if index == 0:  # background
            continue
        name = known.get(value, f"label {value}")
        points_mm = _class_points_mm(labels, index, grid)
        if len(points_mm) == 0:
            continue
        places.append(_place(name, points_mm.mean(0)))
        ends = _ends(points_mm)
        if extremes:
            places += [_place(f"{name} {end}", point) for end, point in ends.items()]
        rest = points_mm[:: max(1, len(points_mm) // OUTLINE)]
        regions.append(Region(name, np.concatenate([np.array(list(ends.values())), rest])))
    return Marks(tuple(places), tuple(regions))


def class_names(path: Path) -> dict[int, str]:
    """Returns the names of label values: of a Slicer segmentation from its header, else from a dataset.json nearby.

    A dataset.json counts if it lies in the folder of the label map or in the one above, as in the Medical Segmentation
    Decathlon and nnU-Net. Without either there are no names.
    """
    in_header = _segment_names(path)
    if in_header:
        return in_header
    for folder in (path.parent, path.parent.parent):
        if (folder / "dataset.json").is_file():
            return names_in(folder / "dataset.json")
    return {}


def names_in(path: Path) -> dict[int, str]:
    """Returns the names of label values in a JSON file: ``{"labels": {"1": "liver"}}`` or ``{"labels": {"liver": 1}}``.

    Raises:
        InputError: it cannot be read or has neither form.
    """
    content = read_json(path, wanted="names of labels", do='write {"labels": {"1": "liver"}}')
    labels = content.get("labels", content)
    names: dict[int, str] = {}
    for key, value in labels.items() if isinstance(labels, dict) else ():
        number, name = (key, value) if str(key).isdecimal() else (value, key)
        if isinstance(number, int) or str(number).isdecimal():
            names[int(number)] = str(name)
    if not names:
        do = 'write {"labels": {"1": "liver"}}'
        raise InputError(str(path), wanted="a table `labels` of names and numbers", got="none", do=do)
    return names


def _segment_names(path: Path) -> dict[int, str]:
    """Returns the names that 3D Slicer writes into the header of a segmentation (.seg.nrrd)."""
    if not path.name.lower().endswith((".nrrd", ".nhdr")):
        return {}
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError:  # it is refused, with the reason, when its voxels are read
        return {}
    names = {}
    for key in reader.GetMetaDataKeys():
        if key.startswith("Segment") and key.endswith("_LabelValue"):
            name = f"{key.removesuffix('_LabelValue')}_Name"
            if reader.HasMetaDataKey(name):
                names[int(reader.GetMetaData(key))] = reader.GetMetaData(name)
    return names


def _class_points_mm(
    labels: UInt8[np.ndarray, "file2 file1 file0"], index: int, grid: Geometry
) -> Float64[np.ndarray, "voxels 3"]:
    voxels: Int64[np.ndarray, "voxels 3"] = np.argwhere(labels == index)[:, ::-1]
    return from_voxels(voxels.astype(np.float64), grid)


def _ends(points_mm: Float64[np.ndarray, "voxels 3"]) -> dict[str, Float64[np.ndarray, "3"]]:
    """Returns, for both ends of each axis of the body, the outermost point nearest to the mean of all outermost ones."""
    ends = {}
    for axis, pair in enumerate(ENDS):
        along = points_mm[:, axis]
        for name, extreme in zip(pair, (along.min(), along.max()), strict=True):
            outermost = points_mm[np.abs(along - extreme) < 1e-3]
            ends[name] = outermost[int(np.square(outermost - outermost.mean(0)).sum(1).argmin())]
    return ends


def _place(name: str, point_mm: Float64[np.ndarray, "3"]) -> Place:
    return Place(name, (float(point_mm[0]), float(point_mm[1]), float(point_mm[2])))
