"""The label map of one scan as a job, for this process or a worker elsewhere."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.devices import choose_device
from orienteer.dicom.source_series import read_series
from orienteer.errors import ScanError
from orienteer.finetuning.segmentation.inference import label_values, segment
from orienteer.finetuning.segmentation.model import SegmentationModel, load_segmentation
from orienteer.labelled.grids import grid_geometry, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.runs.weights import check_same_weights
from orienteer.scans.apart import apart
from orienteer.scans.normalise import to_values
from orienteer.scans.prepare_scan import prepare_scan_apart
from orienteer.scans.source import ScanSource
from orienteer.store.content import data_files, file_hash

SEGMENTATION_ENDING = ".seg.dcm"


@dataclass(frozen=True)
class PredictJob:
    """A scan to predict.

    Attributes:
        path: of the label map.
        to_dicom_seg: write a DICOM Segmentation beside it.
        ours: whether the label map that may be there was made from this scan.
        known: hash of the scan's files that it was made from; None where that is not known.
    """

    source: ScanSource
    path: Path
    to_dicom_seg: bool = False
    ours: bool = False
    known: str | None = None

    @property
    def beside(self) -> Path:
        """Path of the DICOM Segmentation."""
        return self.path.with_name(self.path.name.removesuffix(".nii.gz") + SEGMENTATION_ENDING)

    @property
    def is_there(self) -> bool:
        """Whether all files are there."""
        return self.path.is_file() and (self.beside.is_file() or not self.to_dicom_seg)


@dataclass(frozen=True)
class Predicted:
    """A scan whose label map is there.

    Attributes:
        content: hash of the scan's files.
        written: whether the label map is new.
        warnings: what is odd about the scan.
    """

    content: str
    written: bool
    warnings: tuple[str, ...] = ()


@dataclass
class PredictWork:
    """Writes label maps. Another process loads the weights when it gets its first scan.

    Attributes:
        model: folder of the model.
        sha256: of its weights.
        loaded: the model, loaded already.
    """

    model: Path
    sha256: str
    loaded: SegmentationModel | None = None

    def __call__(self, job: PredictJob) -> Predicted:
        """Writes the label map of a scan, unless the one that is there was made from the same content.

        Raises:
            ScanError: the scan cannot be used. Unless it cannot even be opened, its earlier label map is gone.
            InputError: the disk is full, or the weights are not those of the command.
        """
        content = content_of(job.source)
        if content == job.known and job.is_there:
            return Predicted(content, written=False)
        if job.ours:  # they must not be taken for those of the scan as it is now
            job.path.unlink(missing_ok=True)
            job.beside.unlink(missing_ok=True)
        return Predicted(content, True, self._predict(job))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "loaded": None}

    def _predict(self, job: PredictJob) -> tuple[str, ...]:
        """Writes a label map, and a DICOM Segmentation beside it where that is asked for; returns warnings about the scan."""
        source, model = job.source, self._model()
        # Before the work of predicting: a scan of no series is refused.
        series = apart(source.name, source.files, read_series, source) if job.to_dicom_seg else None
        arrays = prepare_scan_apart(source, model.selection, model.preparation)
        size0, size1, size2 = arrays.voxels.shape
        grid = grid_geometry((size0, size1, size2), arrays.spacing_mm, arrays.origin_mm)
        geometry = apart(source.name, source.files, source_geometry, source)
        class_numbers = segment(model, to_values(arrays.voxels), grid, geometry)
        write_labels(job.path, label_values(class_numbers, list(model.classes)), geometry, source)
        if series:
            from orienteer.dicom.segmentation import (
                write_segmentation,  # here: its dictionary of codes takes long to load
            )

            write_segmentation(job.beside, class_numbers, model.classes, series, model.sha256)
        return arrays.warnings

    def _model(self) -> SegmentationModel:
        if self.loaded is None:
            loaded = load_segmentation(self.model, choose_device())
            check_same_weights(self.model, loaded.sha256, self.sha256)
            self.loaded = loaded
        return self.loaded


def content_of(source: ScanSource) -> str:
    """Returns one hash for all files of a scan.

    Raises:
        ScanError: one of them cannot be read.
    """
    try:
        hashes = [file_hash(path) for path in data_files(source)]
    except OSError as error:
        got, do = error.strerror or str(error), "check that it is still there and may be read"
        raise ScanError(source.name, step="read", wanted="a file that can be opened", got=got, do=do) from error
    return hashlib.blake2b("\n".join(hashes).encode(), digest_size=16).hexdigest()
