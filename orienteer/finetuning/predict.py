"""Predicts label maps of new scans with a fine-tuned model, in each scan's own geometry."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from orienteer.errors import InputError, ScanError
from orienteer.files import write_json
from orienteer.finetuning.classification.classify import CLASSES_FILE, Classes, classify
from orienteer.finetuning.model_files import SegmentationModel, load_model, read_model_card
from orienteer.finetuning.segmentation.patches import LOWEST
from orienteer.labelled.datasets import case_name
from orienteer.labelled.grids import Geometry, grid_geometry, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.labelled.resampling import probabilities_on_file
from orienteer.progress import Progress, say
from orienteer.scans.discover import discover
from orienteer.scans.index import Failure
from orienteer.scans.normalise import to_values
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import ScanSource

RECORD_FILE = "predictions.json"
WINDOWS_AT_ONCE = 2


@dataclass(frozen=True)
class Predictions:
    """What `predict` made.

    Attributes:
        folder: where the label maps lie.
        files: label map by scan, names inside the two folders.
        failures: scans that could not be predicted, with the reason.
    """

    folder: Path
    files: dict[str, str]
    failures: tuple[Failure, ...]


def predict(model: str | Path, scans: str | Path, to: str | Path) -> Predictions | Classes:
    """Writes a label map for every scan of a folder, in the scan's own geometry; or, with a classifier, a table of classes.

    A scan that cannot be used is named and counted, and the others go on. The same command given again goes on where it
    was stopped.

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
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded, folder = load_model(model, device), Path(to)
    found = discover(scans, loaded.selection)
    done = _open_folder(folder, loaded.sha256)
    names = file_names([source.name for source in found.sources])
    failures = [Failure(item.name, "discover", item.reason, "check the file") for item in found.left_out]
    with Progress("predicting", len(found.sources), unit="scans") as progress:
        for source in found.sources:
            if done.get(source.name) != names[source.name] or not (folder / names[source.name]).is_file():
                try:
                    _predict_file(loaded, source, folder / names[source.name])
                    done[source.name] = names[source.name]
                except ScanError as error:
                    say(f"set aside: {error}")
                    failures.append(
                        Failure(source.name, error.step, f"wanted {error.wanted}, got {error.got}", error.do)
                    )
                _write_record(folder, loaded.sha256, done, failures)
            progress.advance()
    _write_record(folder, loaded.sha256, done, failures)
    say(f"{len(done)} label maps in {folder}; {len(failures)} files could not be used")
    return Predictions(folder, done, tuple(failures))


def window_logits(
    model: SegmentationModel, image: Float[Tensor, "1 1 size0 size1 size2"]
) -> Float[Tensor, "1 classes size0 size1 size2"]:
    """Returns the logits of a whole prepared scan, from MONAI's sliding window with Gaussian weights."""
    from monai.inferers import sliding_window_inference  # here, not above: it takes seconds

    with torch.inference_mode():
        logits = sliding_window_inference(
            image.to(model.device),
            roi_size=model.patch_size,
            sw_batch_size=WINDOWS_AT_ONCE,
            predictor=model.network,
            overlap=model.overlap,
            mode="gaussian",
            padding_mode="constant",
            cval=LOWEST,
        )
    assert isinstance(logits, Tensor)
    return logits


def segment(
    model: SegmentationModel, voxels: Float32[np.ndarray, "size0 size1 size2"], grid: Geometry, own: Geometry
) -> UInt8[np.ndarray, "file2 file1 file0"]:
    """Returns class numbers on the voxels of a scan's own file, from its prepared voxels.

    Probabilities are interpolated and the strongest class is taken, so that outlines stay smooth on a finer grid.
    """
    logits = window_logits(model, torch.from_numpy(voxels)[None, None])
    return probabilities_on_file(torch.softmax(logits[0].float(), dim=0).cpu().numpy(), grid, own)


def label_values(classes: UInt8[np.ndarray, "file2 file1 file0"], values: Sequence[int]) -> np.ndarray:
    """Returns the data set's own label values from class numbers.

    Example:
        >>> label_values(np.array([[[0, 1, 2]]], dtype=np.uint8), [0, 2, 4]).tolist()
        [[[0, 2, 4]]]
    """
    kind = np.uint8 if max(values) < 256 else np.uint16
    return np.array(values, dtype=kind)[classes]


def file_names(scans: Sequence[str]) -> dict[str, str]:
    """Returns the name of each scan's label map: the scan's own, as .nii.gz; with its old end where two would meet.

    Example:
        >>> file_names(["a.nrrd", "b/c.nii.gz"])
        {'a.nrrd': 'a.nii.gz', 'b/c.nii.gz': 'b/c.nii.gz'}
        >>> file_names(["a.nrrd", "a.mha"])
        {'a.nrrd': 'a.nrrd.nii.gz', 'a.mha': 'a.mha.nii.gz'}
    """
    short = [case_name(scan) for scan in scans]
    return {scan: f"{scan if short.count(name) > 1 else name}.nii.gz" for scan, name in zip(scans, short, strict=True)}


def _predict_file(model: SegmentationModel, source: ScanSource, path: Path) -> None:
    arrays = prepare_scan(source, model.selection, model.preparation)
    size0, size1, size2 = arrays.voxels.shape
    grid = grid_geometry((size0, size1, size2), arrays.spacing_mm, arrays.origin_mm)
    own = source_geometry(source)
    classes = segment(model, to_values(arrays.voxels), grid, own)
    write_labels(path, label_values(classes, list(model.classes)), own, source)


def _open_folder(folder: Path, sha256: str) -> dict[str, str]:
    """Returns what was predicted into the folder before; refuses a folder of something else."""
    record = folder / RECORD_FILE
    said = None
    if record.is_file():
        try:
            found = json.loads(record.read_text())
        except ValueError:
            found = None
        said = found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}
    if said is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        got = f"{folder}, which holds other files"
        raise InputError("to", wanted="a new or empty folder", got=got, do="choose another --to")
    if said is not None and said.get("model") != sha256:
        got = f"{folder}, with predictions of another model"
        raise InputError(
            "to", wanted="a new folder, or one with predictions of this model", got=got, do="choose another --to"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return dict(said["files"]) if said else {}


def _write_record(folder: Path, sha256: str, files: dict[str, str], failures: Sequence[Failure]) -> None:
    rows = [{"scan": item.name, "step": item.step, "reason": item.reason, "do": item.do} for item in failures]
    record = {"model": sha256, "files": files, "failures": rows}
    try:
        write_json(folder / RECORD_FILE, record, indent=1)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError(str(folder), wanted="room for predictions", got=got, do="free some disk space") from error
