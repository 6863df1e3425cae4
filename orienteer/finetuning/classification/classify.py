"""Classes of new scans from a fine-tuned classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.cluster.connect import Cluster, connected
from orienteer.cluster.each import each
from orienteer.cluster.make_executor import make_executor
from orienteer.devices import choose_device
from orienteer.errors import InputError
from orienteer.executor import Jobs
from orienteer.files import room_for, write_csv
from orienteer.finetuning.classification.model import ClassifierModel, load_classifier
from orienteer.finetuning.classification.testing import probabilities
from orienteer.labelled.failures import failures_text
from orienteer.labelled.prepared import prepare_named
from orienteer.progress import Progress, say
from orienteer.runs.weights import check_same_weights
from orienteer.scans.discover import discover
from orienteer.store.given_rows import GivenRows
from orienteer.store.outcomes import Failure
from orienteer.store.store import Row, Store
from orienteer.worker_process import WorkerDied

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


def classify(
    model: str | Path,
    scans: str | Path,
    to: str | Path,
    workers: int | None = None,
    cluster: str | None = None,
) -> Classes:
    """Writes the most probable class of every scan of a folder into a CSV, with the probability of each class.

    A scan that cannot be used is named and counted; the others are classified.

    Args:
        model: folder that `orienteer finetune --task classification` wrote.
        scans: folder of scans; subfolders too.
        to: the CSV to write. Prepared scans are kept in `store` beside the model's folder.
        workers: processes that prepare scans; by default one per core.
        cluster: where to compute: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue.

    Raises:
        InputError: a model or folder that cannot be used, a file that exists already, or a disk that is full.
    """
    path, classifier = Path(to), load_classifier(model)
    if path.exists():
        raise InputError("to", wanted="a new file", got=f"{path}, which exists", do="choose another name")
    folder = Path(model).resolve().parent / "store"
    sources = discover(scans, classifier.selection)
    classifier.network.to(choose_device())
    with connected(cluster, folder) as there:
        prepared = prepare_named(sources, folder, classifier.preparation, classifier.selection, workers, cluster=there)
        by_scan, died = _classified(
            ClassifyWork(Path(model), classifier.sha256, folder, classifier), prepared.keys, there
        )
    failures = prepared.failures + died
    _write(path, by_scan, classifier.classes)
    if failures:
        say(failures_text(failures))
    say(f"{len(by_scan)} scans classified: {path}")
    return Classes(path, by_scan, failures)


@dataclass
class ClassifyWork:
    """Computes the probabilities of prepared scans. Another process loads the weights when it gets its first scan.

    Attributes:
        model: folder of the classifier.
        sha256: of its weights.
        store: folder of the prepared scans.
        loaded: the classifier, loaded already.
    """

    model: Path
    sha256: str
    store: Path
    loaded: ClassifierModel | None = None

    def __call__(self, row: Row) -> list[float]:
        """Returns the probability of each class for a scan.

        Raises:
            InputError: the weights are not those of the command.
        """
        if self.loaded is None:
            loaded = load_classifier(self.model)
            check_same_weights(self.model, loaded.sha256, self.sha256)
            loaded.network.to(choose_device())
            self.loaded = loaded
        scan, _ = row
        with GivenRows(self.store, {scan.key: row}) as store:
            values: list[float] = probabilities(self.loaded, store, scan.key).tolist()
        return values

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "loaded": None}


def _classified(
    work: ClassifyWork, keys: Mapping[str, str], cluster: Cluster | None
) -> tuple[dict[str, dict[str, float]], tuple[Failure, ...]]:
    """Returns the probability of each class by scan, and the scans that ended their process."""
    assert work.loaded is not None
    classes, values, died = work.loaded.classes, dict[str, list[float]](), dict[str, WorkerDied]()
    with Store.open(work.store) as store:
        rows = [store.row(key) for key in dict.fromkeys(keys.values())]
    jobs: Jobs[Row, list[float]] = make_executor(
        cluster, work, None if cluster else 0, len(rows), shared=work.store, seen=[work.model]
    )
    with Progress("classifying", len(rows), unit="scans") as progress, jobs:
        for (scan, _), future in each(jobs, rows, progress):
            if isinstance(error := future.exception(), WorkerDied):
                died[scan.key] = error
            else:
                values[scan.key] = future.result()
    by_scan = {name: dict(zip(classes, values[key], strict=True)) for name, key in keys.items() if key in values}
    do = "use a machine with more memory, or leave the scan out"
    failures = [Failure(name, "classify", str(died[key]), do) for name, key in keys.items() if key in died]
    return by_scan, tuple(failures)


def _write(path: Path, by_scan: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> None:
    rows = [
        [name, max(values, key=lambda label: values[label]), *(f"{values[label]:.6g}" for label in classes)]
        for name, values in by_scan.items()
    ]
    with room_for("the classes", path):
        write_csv(path, ["scan", "predicted", *(f"score {name}" for name in classes)], rows)
