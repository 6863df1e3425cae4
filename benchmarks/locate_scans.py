"""The scans that `benchmarks.locate` measures on: their fields, and landmarks from their labels."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.locate_baselines import Measured
from benchmarks.space_data import link_scans
from orienteer.features.pretrained import Pretrained, load
from orienteer.labelled.grids import file_geometry
from orienteer.labelled.prepared import prepare_named
from orienteer.locating.fields import scan_field
from orienteer.locating.heads import PlaceHeads, heads_of
from orienteer.locating.places import from_voxels
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.store.store import Store


class Measurer:
    """A run that computes fields of scans.

    Args:
        run: its folder.
    """

    def __init__(self, run: Path) -> None:
        self.pretrained: Pretrained = load(run)
        self.heads: PlaceHeads | None = heads_of(run)

    def measured(self, files: Sequence[Path], marks: Sequence[dict[int, np.ndarray]], work: Path) -> list[Measured]:
        """Returns scans with their fields.

        Args:
            files: of the scans.
            marks: landmarks of each.
            work: folder for their store.
        """
        folder = link_scans(files, work / "scans")
        discovery = discover(folder, progress=False)
        keys = prepare_named(discovery, work / "store", self.pretrained.preparation, Selection(), 0, shown=False).keys
        measured = []
        with Store.open(work / "store") as store:
            for file, known in zip(files, marks, strict=True):
                begun = time.process_time()
                field = scan_field(self.pretrained, store, keys[file.name], self.heads)
                measured.append(Measured(file.name, file, field, known, time.process_time() - begun))
        return measured


def centroids(path: Path) -> dict[int, np.ndarray]:
    """Returns the centroid of each label that no border of the scan cuts, mm in the body frame, by label value."""
    image = sitk.ReadImage(str(path))
    values, grid = sitk.GetArrayFromImage(image), file_geometry(image)
    marks = {}
    for value in np.unique(values)[1:].tolist():
        voxels = np.argwhere(values == value)
        if not ((voxels.min(0) == 0).any() or (voxels.max(0) == np.array(values.shape) - 1).any()):
            marks[value] = from_voxels(voxels.mean(0)[::-1], grid)
    return marks


def labels_of(scan: Path) -> Path:
    """Returns the label map of a scan: in labelsTr beside imagesTr, or in labels/ beside the scan."""
    real = scan.resolve()
    beside = real.parent / "labels" / real.name
    return beside if beside.is_file() else real.parent.parent / "labelsTr" / real.name


def shared(first: Measured, second: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Returns the landmarks that both scans have, in the one and in the other, mm in their body frames."""
    names = [name for name in first.marks_mm if name in second.marks_mm]
    points = [np.array([scan.marks_mm[name] for name in names]).reshape(-1, 3) for scan in (first, second)]
    return points[0], points[1]
