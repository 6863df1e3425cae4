"""The command `predict`: label maps of new scans in each scan's geometry, or their classes, from a fine-tuned model."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from orienteer.cluster.connect import Cluster, connected
from orienteer.cluster.make_executor import make_executor
from orienteer.devices import choose_device
from orienteer.dicom.source_series import check_dicom_output
from orienteer.errors import InputError, ScanError
from orienteer.executor import Jobs
from orienteer.finetuning.classification.classify import CLASSES_FILE, Classes, classify
from orienteer.finetuning.model_files import read_model_card
from orienteer.finetuning.predictions_record import PredictionsRecord
from orienteer.finetuning.segmentation.model import load_segmentation
from orienteer.finetuning.segmentation.predict_work import Predicted, PredictJob, PredictWork
from orienteer.labelled.case_files import case_files
from orienteer.labelled.failures import failure_of
from orienteer.output_names import inside
from orienteer.progress import Progress, say
from orienteer.runs.folder import locked
from orienteer.scans.discover import discover
from orienteer.scans.source import Discovery, folder_of
from orienteer.store.outcomes import Failure
from orienteer.worker_process import WorkerDied


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


def predict(
    model: str | Path,
    scans: str | Path,
    to: str | Path,
    to_dicom_seg: bool = False,
    cluster: str | None = None,
) -> Predictions | Classes:
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
        cluster: where to compute: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue.

    Raises:
        InputError: a model or folder that cannot be used, a disk that is full, or a cluster that does not answer.
    """
    if read_model_card(Path(model))["task"] == "classification":
        if to_dicom_seg:
            do = "omit --to-dicom-seg, or give the model of a segmentation"
            raise InputError("to_dicom_seg", wanted="a model that segments", got=f"the classifier {model}", do=do)
        return classify(model, scans, Path(to) / CLASSES_FILE, cluster=cluster)
    segmenter, folder = load_segmentation(model, choose_device()), Path(to)
    work = PredictWork(Path(model), segmenter.sha256, segmenter)
    discovery = discover(scans, segmenter.selection)
    if to_dicom_seg:
        check_dicom_output("to_dicom_seg", discovery.sources)
    with locked(folder):
        run = _Run(work, discovery, folder, to_dicom_seg)
        with connected(cluster, folder) as there:
            return run.predict(there)


class _Run:
    """One run of `predict`: hands out the scans, and records what became of each."""

    def __init__(self, work: PredictWork, discovery: Discovery, folder: Path, to_dicom_seg: bool) -> None:
        self.work, self.sources, self.folder, self.to_dicom_seg = work, discovery.sources, folder, to_dicom_seg
        self.record = PredictionsRecord.opened(folder, work.sha256)
        self.names = case_files([source.name for source in self.sources], ".nii.gz")
        self.failures = [Failure(item.name, "discover", item.reason, "check the file") for item in discovery.left_out]
        self.failed = set[str]()

    def predict(self, cluster: Cluster | None) -> Predictions:
        """Returns the label maps, written by this process or by a cluster."""
        seen = [self.work.model, *([folder_of(self.sources)] if self.sources else [])]
        jobs: Jobs[PredictJob, Predicted] = make_executor(
            cluster, self.work, None if cluster else 0, len(self.sources), shared=self.folder, seen=seen
        )
        with Progress("predicting", len(self.sources), unit="scans") as progress, jobs:
            for source in self.sources:
                path = inside(self.folder, self.names[source.name])
                jobs.submit(PredictJob(source, path, self.to_dicom_seg, *self.record.known(source.name, path)))
                self._record(jobs.finished(), progress)
            self._record(jobs.finished(everything=True), progress)
        order = {source.name: number for number, source in enumerate(self.sources)}  # those left out come first
        self.failures.sort(key=lambda failure: order.get(failure.name, -1))
        self.record.write(self.failures)
        files = {source.name: self.names[source.name] for source in self.sources if source.name not in self.failed}
        say(f"{len(files)} label maps in {self.folder}; {len(self.failures)} files could not be used")
        return Predictions(self.folder, files, tuple(self.failures))

    def _record(self, finished: "Iterable[tuple[PredictJob, Future[Predicted]]]", progress: Progress) -> None:
        for job, future in finished:
            name, error = job.source.name, future.exception()
            if isinstance(error, ScanError | WorkerDied):
                say(f"set aside: {error}" if isinstance(error, ScanError) else f"set aside: {name}: {error}")
                self.record.forget_missing(name, job.path)
                self.failures.append(_failure(name, error))
                self.failed.add(name)
                self.record.write(self.failures)
            elif (predicted := future.result()).written:
                for warning in predicted.warnings:
                    say(f"warning: {name}: {warning}")
                self.record.add(name, predicted.content, job.path)
                self.record.write(self.failures)
            progress.advance()


def _failure(name: str, error: ScanError | WorkerDied) -> Failure:
    if isinstance(error, ScanError):
        return failure_of(name, error)
    return Failure(name, "predict", str(error), "use a machine with more memory, or leave the scan out")
