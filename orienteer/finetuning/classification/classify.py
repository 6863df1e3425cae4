"""Classes of new scans from a fine-tuned classifier."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import torch

from orienteer.errors import InputError
from orienteer.files import write_bytes
from orienteer.finetuning.classification.network import load_classifier
from orienteer.finetuning.classification.train import probabilities
from orienteer.labelled.failures import failures_text
from orienteer.labelled.prepared import prepare_named
from orienteer.progress import Progress
from orienteer.scans.discover import discover
from orienteer.scans.index import Failure
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.scans.store import Store

CLASSES_FILE = "classes.csv"
"""What `predict` calls the table."""


@dataclass(frozen=True)
class Classes:
    """The classes of a folder's scans.

    Attributes:
        path: the CSV that was written.
        probabilities: of each class by name, for each scan by name.
        failures: scans that cannot be used, with the reason.
    """

    path: Path
    probabilities: dict[str, dict[str, float]]
    failures: tuple[Failure, ...]


def classify(model: str | Path, scans: str | Path, to: str | Path, workers: int | None = None) -> Classes:
    """Writes the most probable class of every scan of a folder into a CSV, with the probability of each class.

    A scan that cannot be used is named and counted, and the others go on.

    Args:
        model: folder that `orienteer finetune --task classification` wrote.
        scans: folder of scans; subfolders too.
        to: the CSV to write. Prepared scans are kept in `store` beside the model's folder.
        workers: processes that prepare scans; by default one per core.

    Raises:
        InputError: a model or folder that cannot be used, a file that is there already, or a disk that is full.
    """
    path, loaded = Path(to), load_classifier(model)
    if path.exists():
        raise InputError("to", wanted="a new file", got=f"{path}, which is there", do="choose another name")
    card, rules = loaded.card, loaded.card["intensity"]
    preparation = Preparation(
        spacing_mm=tuple(card["spacing_mm"]),
        ct_window_hu=tuple(rules["CT"]["window_hu"]),
        mr_percentiles=tuple(rules["MR"]["percentiles_of_body"]),
    )
    selection = Selection(modality=card["modality"])
    folder = Path(model).resolve().parent / "store"
    prepared = prepare_named(discover(scans, selection), folder, preparation, selection, workers)
    network = loaded.network.to("cuda" if torch.cuda.is_available() else "cpu")
    found = {}
    with Store.open(folder) as store, Progress("classifying", len(prepared.keys), unit="scans") as progress:
        for name, key in prepared.keys.items():
            values = probabilities(network, store, key, loaded.view_size, card["overlap"]).tolist()
            found[name] = dict(zip(loaded.classes, values, strict=True))
            progress.advance()
    _write(path, _table(found, loaded.classes))
    if prepared.failures:
        print(failures_text(prepared.failures), flush=True)
    print(f"{len(found)} scans classified: {path}", flush=True)
    return Classes(path, found, prepared.failures)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError(str(path), wanted="room for the classes", got=got, do="free some disk space") from error


def _table(found: dict[str, dict[str, float]], classes: tuple[str, ...]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scan", "predicted", *(f"score {name}" for name in classes)])
    for name, values in found.items():
        predicted = max(values, key=lambda label: values[label])
        writer.writerow([name, predicted, *(f"{values[label]:.6g}" for label in classes)])
    return text.getvalue().encode()
