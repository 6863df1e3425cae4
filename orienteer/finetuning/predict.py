"""The command `predict`: label maps of new scans in each scan's geometry, or their classes, from a fine-tuned model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.devices import choose_device
from orienteer.errors import InputError, ScanError
from orienteer.files import inside, write_json
from orienteer.finetuning.classification.classify import CLASSES_FILE, Classes, classify
from orienteer.finetuning.model_files import read_model_card
from orienteer.finetuning.segmentation.inference import label_values, segment
from orienteer.finetuning.segmentation.model import SegmentationModel, load_segmentation
from orienteer.labelled.datasets import case_name
from orienteer.labelled.grids import grid_geometry, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.progress import Progress, say
from orienteer.scans.apart import apart
from orienteer.scans.content import contents
from orienteer.scans.discover import discover
from orienteer.scans.index import Failure
from orienteer.scans.normalise import to_values
from orienteer.scans.prepare_scan import prepare_scan_apart
from orienteer.scans.source import ScanSource

RECORD_FILE = "predictions.json"


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


def predict(model: str | Path, scans: str | Path, to: str | Path) -> Predictions | Classes:
    """Writes a label map for every scan of a folder, in the scan's geometry; or, with a classifier, a table of classes.

    A scan that cannot be used is named and counted; the others are predicted. The same command given again resumes where
    it was stopped.

    Args:
        model: folder that `orienteer finetune` wrote.
        scans: folder of NIfTI, NRRD, MetaImage files or DICOM series; subfolders too.
        to: folder for the label maps, named like the scans: new, empty, or with predictions of the same model. With a
            classifier: for classes.csv.

    Raises:
        InputError: a model or folder that cannot be used, or a disk that is full.
    """
    if read_model_card(Path(model))["task"] == "classification":
        return classify(model, scans, Path(to) / CLASSES_FILE)
    segmenter, folder = load_segmentation(model, choose_device()), Path(to)
    discovery = discover(scans, segmenter.selection)
    done = _open_folder(folder, segmenter.sha256)
    names = file_names([source.name for source in discovery.sources])
    failures = [Failure(item.name, "discover", item.reason, "check the file") for item in discovery.left_out]
    with Progress("predicting", len(discovery.sources), unit="scans") as progress:
        for source, content in contents(discovery.sources):
            file = inside(folder, names[source.name])
            try:
                if isinstance(content, ScanError):
                    raise content
                if not done.holds(source.name, names[source.name], content.hash) or not file.is_file():
                    _predict_file(segmenter, source, file)
                    done.files[source.name], done.contents[source.name] = names[source.name], content.hash
                    done.write(folder, segmenter.sha256, failures)
            except ScanError as error:
                say(f"set aside: {error}")
                failures.append(Failure.of(error, source.name))
                done.write(folder, segmenter.sha256, failures)
            progress.advance()
    done.write(folder, segmenter.sha256, failures)
    say(f"{len(done.files)} label maps in {folder}; {len(failures)} files could not be used")
    return Predictions(folder, done.files, tuple(failures))


def file_names(scans: Sequence[str]) -> dict[str, str]:
    """Returns the file name of each scan's label map: the scan's with .nii.gz; after its suffix where two would collide.

    Example:
        >>> file_names(["a.nrrd", "b/c.nii.gz"])
        {'a.nrrd': 'a.nii.gz', 'b/c.nii.gz': 'b/c.nii.gz'}
        >>> file_names(["a.nrrd", "a.mha"])
        {'a.nrrd': 'a.nrrd.nii.gz', 'a.mha': 'a.mha.nii.gz'}
    """
    short = [case_name(scan) for scan in scans]
    return {scan: f"{scan if short.count(name) > 1 else name}.nii.gz" for scan, name in zip(scans, short, strict=True)}


def _predict_file(model: SegmentationModel, source: ScanSource, path: Path) -> None:
    arrays = prepare_scan_apart(source, model.selection, model.preparation)
    size0, size1, size2 = arrays.voxels.shape
    grid = grid_geometry((size0, size1, size2), arrays.spacing_mm, arrays.origin_mm)
    geometry = apart(source.name, source.files, source_geometry, source)
    class_numbers = segment(model, to_values(arrays.voxels), grid, geometry)
    write_labels(path, label_values(class_numbers, list(model.classes)), geometry, source)


@dataclass(frozen=True)
class _Done:
    """What was predicted.

    Attributes:
        files: name of the label map by name of the scan.
        contents: hash of the scan's files by its name. Another scan of the same name is predicted again.
    """

    files: dict[str, str]
    contents: dict[str, str]

    def holds(self, scan: str, file: str, content: str) -> bool:
        return self.files.get(scan) == file and self.contents.get(scan) == content

    def write(self, folder: Path, sha256: str, failures: Sequence[Failure]) -> None:
        rows = [{"scan": item.name, "step": item.step, "reason": item.reason, "do": item.do} for item in failures]
        record = {"model": sha256, "files": self.files, "contents": self.contents, "failures": rows}
        try:
            write_json(folder / RECORD_FILE, record, indent=1)
        except OSError as error:
            got = error.strerror or str(error)
            raise InputError(str(folder), wanted="room for predictions", got=got, do="free some disk space") from error


def _open_folder(folder: Path, sha256: str) -> _Done:
    """Returns what was predicted into the folder before; refuses a folder of something else."""
    record = _read_record(folder / RECORD_FILE)
    if record is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        got = f"{folder}, which holds other files"
        raise InputError("to", wanted="a new or empty folder", got=got, do="choose another --to")
    if record is not None and record.get("model") != sha256:
        got = f"{folder}, with predictions of another model"
        wanted = "a new folder, or one with predictions of this model"
        raise InputError("to", wanted=wanted, got=got, do="choose another --to")
    folder.mkdir(parents=True, exist_ok=True)
    return _Done(dict(record["files"]), dict(record["contents"])) if record else _Done({}, {})


def _read_record(file: Path) -> dict[str, Any] | None:
    """Returns predictions.json; None where there is none, nothing in it where it is malformed."""
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text())
    except ValueError:
        return {}
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
        return {}
    contents = record.get("contents")  # older versions wrote none: their label maps are made again
    return record | {"contents": contents if isinstance(contents, dict) else {}}
