"""The command `predict`: label maps of new scans in each scan's geometry, or their classes, from a fine-tuned model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from orienteer.devices import choose_device
from orienteer.dicom.source_series import check_dicom_output, read_series
from orienteer.errors import InputError, ScanError
from orienteer.finetuning.classification.classify import CLASSES_FILE, Classes, classify
from orienteer.finetuning.model_files import read_model_card
from orienteer.finetuning.predictions_record import PredictionsRecord
from orienteer.finetuning.segmentation.inference import label_values, segment
from orienteer.finetuning.segmentation.model import SegmentationModel, load_segmentation
from orienteer.labelled.case_files import case_files
from orienteer.labelled.failures import failure_of
from orienteer.labelled.grids import grid_geometry, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.output_names import inside
from orienteer.progress import Progress, say
from orienteer.runs.folder import locked
from orienteer.scans.apart import apart
from orienteer.scans.discover import discover
from orienteer.scans.normalise import to_values
from orienteer.scans.prepare_scan import prepare_scan_apart
from orienteer.scans.source import Discovery, ScanSource
from orienteer.store.content import data_files, file_hash
from orienteer.store.outcomes import Failure


@dataclass(frozen=True)
class Predictions:
    """The label maps that `predict` wrote.

    Attributes:
        folder: of the label maps.
        files: name of the label map in `folder`, by name of the scan in its folder.
        failures: scans that could not be predicted, with the reason.
    """

    folder: Path
    files: dict[str, str]
    failures: tuple[Failure, ...]


SEGMENTATION_ENDING = ".seg.dcm"


def predict(model: str | Path, scans: str | Path, to: str | Path, to_dicom_seg: bool = False) -> Predictions | Classes:
    """Writes a label map for every scan of a folder, in the scan's geometry; or, with a classifier, a table of classes.

    A scan that cannot be used is named and counted; the others are predicted. The same command given again resumes where
    it was stopped; a scan that has changed since is predicted again.

    Args:
        model: folder that `orienteer finetune` wrote.
        scans: folder of NIfTI, NRRD, MetaImage files or DICOM series; subfolders too.
        to: folder for the label maps, named like the scans: new, empty, or with predictions of the same model. With a
            classifier: for classes.csv.
        to_dicom_seg: write each label map as a DICOM Segmentation too, beside the NIfTI file. Scans must be DICOM series;
            patient and study are copied from them into this object, as the standard requires.

    Raises:
        InputError: a model or folder that cannot be used, or a disk that is full.
    """
    if read_model_card(Path(model))["task"] == "classification":
        if to_dicom_seg:
            do = "omit --to-dicom-seg, or give the model of a segmentation"
            raise InputError("to_dicom_seg", wanted="a model that segments", got=f"the classifier {model}", do=do)
        return classify(model, scans, Path(to) / CLASSES_FILE)
    segmenter, folder = load_segmentation(model, choose_device()), Path(to)
    discovery = discover(scans, segmenter.selection)
    if to_dicom_seg:
        check_dicom_output("to_dicom_seg", discovery.sources)
    with locked(folder):
        return _predict_all(segmenter, discovery, folder, to_dicom_seg)


def _predict_all(model: SegmentationModel, discovery: Discovery, folder: Path, to_dicom_seg: bool) -> Predictions:
    record = PredictionsRecord.opened(folder, model.sha256)
    names = case_files([source.name for source in discovery.sources], ".nii.gz")
    failures = [Failure(item.name, "discover", item.reason, "check the file") for item in discovery.left_out]
    failed = set()
    with Progress("predicting", len(discovery.sources), unit="scans") as progress:
        for source in discovery.sources:
            path = inside(folder, names[source.name])
            beside = path.with_name(path.name.removesuffix(".nii.gz") + SEGMENTATION_ENDING)
            try:
                content = _content(source)
                if not record.holds(source.name, content, path) or (to_dicom_seg and not beside.is_file()):
                    record.remove(source.name, path, beside)
                    _predict_file(model, source, path, beside if to_dicom_seg else None)
                    record.add(source.name, content, path)
                    record.write(failures)
            except ScanError as error:
                say(f"set aside: {error}")
                failures.append(failure_of(source.name, error))
                failed.add(source.name)
                record.write(failures)
            progress.advance()
    record.write(failures)
    files = {source.name: names[source.name] for source in discovery.sources if source.name not in failed}
    say(f"{len(files)} label maps in {folder}; {len(failures)} files could not be used")
    return Predictions(folder, files, tuple(failures))


def _content(source: ScanSource) -> str:
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


def _predict_file(model: SegmentationModel, source: ScanSource, path: Path, beside: Path | None) -> None:
    """Writes the label map of a scan, and beside it a DICOM Segmentation where that is asked for."""
    series = apart(source.name, source.files, read_series, source) if beside else None  # before the work of predicting
    arrays = prepare_scan_apart(source, model.selection, model.preparation)
    for warning in arrays.warnings:
        say(f"warning: {source.name}: {warning}")
    size0, size1, size2 = arrays.voxels.shape
    grid = grid_geometry((size0, size1, size2), arrays.spacing_mm, arrays.origin_mm)
    geometry = apart(source.name, source.files, source_geometry, source)
    class_numbers = segment(model, to_values(arrays.voxels), grid, geometry)
    write_labels(path, label_values(class_numbers, list(model.classes)), geometry, source)
    if beside and series:
        from orienteer.dicom.segmentation import write_segmentation  # here: its dictionary of codes takes long to load

        write_segmentation(beside, class_numbers, model.classes, series, model.sha256)
