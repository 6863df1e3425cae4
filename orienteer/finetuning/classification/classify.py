"""Classes of new scans from a fine-tuned classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.devices import choose_device
from orienteer.errors import InputError
from orienteer.files import room_for, write_csv
from orienteer.finetuning.classification.model import load_classifier
from orienteer.finetuning.classification.testing import probabilities
from orienteer.labelled.failures import failures_text
from orienteer.labelled.prepared import prepare_named
from orienteer.progress import Progress, say
from orienteer.scans.discover import discover
from orienteer.store.outcomes import Failure
from orienteer.store.store import Store

CLASSES_FILE = "classes.csv"
"""The name of the table that `predict` writes."""


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

    A scan that cannot be used is named and counted; the others are classified.

    Args:
        model: folder that `orienteer finetune --task classification` wrote.
        scans: folder of scans; subfolders too.
        to: the CSV to write. Prepared scans are kept in `store` beside the model's folder.
        workers: processes that prepare scans; by default one per core.

    Raises:
        InputError: a model or folder that cannot be used, a file that exists already, or a disk that is full.
    """
    path, classifier = Path(to), load_classifier(model)
    if path.exists():
        raise InputError("to", wanted="a new file", got=f"{path}, which exists", do="choose another name")
    folder = Path(model).resolve().parent / "store"
    sources = discover(scans, classifier.selection)
    prepared = prepare_named(sources, folder, classifier.preparation, classifier.selection, workers)
    classifier.network.to(choose_device())
    by_scan = {}
    with Store.open(folder) as store, Progress("classifying", len(prepared.keys), unit="scans") as progress:
        for name, key in prepared.keys.items():
            values = probabilities(classifier, store, key).tolist()
            by_scan[name] = dict(zip(classifier.classes, values, strict=True))
            progress.advance()
    _write(path, by_scan, classifier.classes)
    if prepared.failures:
        say(failures_text(prepared.failures))
    say(f"{len(by_scan)} scans classified: {path}")
    return Classes(path, by_scan, prepared.failures)


def _write(path: Path, by_scan: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> None:
    rows = [
        [name, max(values, key=lambda label: values[label]), *(f"{values[label]:.6g}" for label in classes)]
        for name, values in by_scan.items()
    ]
    with room_for("the classes", path):
        write_csv(path, ["scan", "predicted", *(f"score {name}" for name in classes)], rows)
