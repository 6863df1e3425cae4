"""Fine-tuning for classification from a CSV of labels to scores on test scans, read top to bottom."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from orienteer.errors import InputError
from orienteer.finetuning.checks import check_overlap, write_same_split
from orienteer.finetuning.classification.model import ClassifierModel, save_classifier
from orienteer.finetuning.classification.network import Classifier
from orienteer.finetuning.classification.planning import with_views
from orienteer.finetuning.classification.testing import score_scans
from orienteer.finetuning.classification.views import VIEWS, ScanBatch, ScanViews
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import Trained, train
from orienteer.finetuning.model_files import training_facts
from orienteer.finetuning.resolved import ResolvedFinetune, resolve
from orienteer.finetuning.schedules import Schedule
from orienteer.finetuning.starting_point import encoder_for, starting_point
from orienteer.finetuning.step_batches import step_batches
from orienteer.finetuning.summary import finish, settings_summary, start_words, training_summary
from orienteer.labelled.failures import write_failures
from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans, prepare_labelled
from orienteer.progress import say
from orienteer.runs.folder import write_config
from orienteer.runs.run import Run
from orienteer.scoring.classification_results import majority_scores, scores_table
from orienteer.store.store import Store

BYTES_PER_VOXEL = 4
"""Of a batch."""


def finetune_classification(config: FinetuneConfig, folder: Path) -> Run:
    """Trains a classifier of scans on a CSV of labels and scores it on test scans.

    The encoder sees views of the size that it was pretrained with; a scan is the mean over its views.

    Args:
        config: the settings; `data` is the CSV, `images` the folder of scans (by default the folder of the CSV),
            `patch_size` the size of the views (by default the run's).
        folder: where everything is written; it exists and is locked by this process.

    Raises:
        InputError, TrainingStopped, KeyboardInterrupt: see `finetune`.
    """
    began_at = time.monotonic()
    csv = _table(config)
    point = starting_point(config)
    config, view_size = with_views(point, csv)
    settings = resolve(point, config, crop_to_body=True)
    scans = _prepared(settings, csv)
    write_failures(folder, scans.failures)
    store = Store.open(settings.store)
    network = Classifier(encoder_for(point, view_size), len(scans.classes), config.seed).to(settings.device)
    test_contents = {scan.name: store.scan(scan.key).content for scan in scans.test}
    seen, warning = check_overlap(point.start, test_contents, {scan.name: scan.source for scan in scans.test})
    contents = {scan.name: store.scan(scan.key).content for scan in (*scans.training, *scans.test)}
    write_same_split(folder, _split(scans), contents, config.resume)
    write_config(folder, config.to_dict(), "finetune")  # last: a folder with a config.yaml is one that can be resumed
    counts = f"scans: {len(scans.training)} for training, {len(scans.test)} for testing"
    say("\n".join(filter(None, (warning, start_words(settings), counts))))

    model = ClassifierModel(network, scans.classes, view_size, config.overlap, settings.preparation, settings.selection)
    trained = _train(folder, settings, model, store, scans.training)
    save_classifier(folder, model, training_facts(settings))
    scores = score_scans(folder, model, store, scans, config.seed, config.pictures) if scans.test else None
    summary = {
        **_summary(settings, scans, trained),
        "test_scans_seen_in_pretraining": seen,
        "test": scores,
        "seconds": round(time.monotonic() - began_at, 1),
    }
    return finish(
        folder, summary, scores_table(scores) if scores else "", "the model, predictions and metrics", warning
    )


def _table(config: FinetuneConfig) -> Path:
    """Returns the path of the CSV."""
    if config.data is None:
        do = "name it: orienteer finetune RUN --task classification --data labels.csv --out OUT"
        raise InputError("data", wanted="a CSV of scan and label", got="none", do=do)
    if config.split is not None:
        do = "write train and test into the CSV's column `split`"
        raise InputError("split", wanted="none, for a classification", got=config.split, do=do)
    return Path(config.data)


def _prepared(settings: ResolvedFinetune, csv: Path) -> LabelledScans:
    config = settings.config
    return prepare_labelled(
        csv,
        config.images,
        settings.store,
        settings.preparation,
        settings.selection,
        config.folds,
        config.fold,
        config.fraction,
        config.seed,
        workers=config.prepare_workers,
        group_by=config.group_by,
    )


def _train(
    folder: Path, settings: ResolvedFinetune, model: ClassifierModel, store: Store, scans: Sequence[LabelledScan]
) -> Trained:
    config, network, device = settings.config, model.network, settings.device
    views = ScanViews(store, scans, model.view_size, config.batch, config.seed)
    schedule = Schedule(network, network.levels(), len(network.encoder.channels), config)
    weights = _class_weights(scans, len(model.classes)).to(device)

    def step_loss(step: int, batch: ScanBatch) -> Tensor:
        labels = batch.labels.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
            logits = network(batch.images.to(device))
        losses = functional.cross_entropy(logits.float(), labels, reduction="none")
        return (losses * weights[labels]).mean()

    def batches(steps: range) -> Iterator[ScanBatch]:
        batch_bytes = config.batch * VIEWS * math.prod(model.view_size) * BYTES_PER_VOXEL
        return step_batches(views, steps, config.workers, config.seed, batch_bytes)

    return train(folder, config, network, schedule, batches, step_loss, lambda batch: ", ".join(batch.names))


def _class_weights(scans: Sequence[LabelledScan], classes: int) -> Tensor:
    """Returns a weight per class, so that rare classes count as much as frequent ones, as they do in the scores."""
    counts = np.bincount([scan.label for scan in scans], minlength=classes)
    return torch.tensor(len(scans) / (classes * counts), dtype=torch.float32)


def _split(scans: LabelledScans) -> dict[str, dict[str, str]]:
    """Returns what split.json holds: the class of each training and test scan."""
    parts = {"training": scans.training, "test": scans.test}
    return {part: {scan.name: scans.classes[scan.label] for scan in members} for part, members in parts.items()}


def _summary(settings: ResolvedFinetune, scans: LabelledScans, trained: Trained) -> dict[str, Any]:
    """Returns summary.json but for the test scores, the overlap with pretraining, and the total time."""
    config = settings.config
    return {
        **settings_summary(settings, trained),
        "folds": config.folds,
        "fold": config.fold,
        "classes": list(scans.classes),
        "counts": {
            "training": len(scans.training),
            "test": len(scans.test),
            "failed": len(scans.failures),
            "training_scans_with_class": _by_class(scans.training, scans.classes),
            "test_scans_with_class": _by_class(scans.test, scans.classes),
        },
        "majority_class": majority_scores(scans, config.seed) if scans.test else None,
        **training_summary(trained),
    }


def _by_class(scans: Sequence[LabelledScan], classes: Sequence[str]) -> dict[str, int]:
    return {name: sum(scan.label == number for scan in scans) for number, name in enumerate(classes)}
