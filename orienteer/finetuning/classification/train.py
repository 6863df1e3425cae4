"""Fine-tuning for classification from a CSV of labels to scores on test scans, read top to bottom."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

from orienteer.encoders import view_divisor
from orienteer.errors import InputError
from orienteer.features.whole_scan import view_batches
from orienteer.files import write_bytes, write_json
from orienteer.finetuning.classification.network import Classifier, save_classifier
from orienteer.finetuning.classification.views import ScanBatch, ScanViews
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import Trained, train
from orienteer.finetuning.schedules import Schedule
from orienteer.finetuning.start import run_view_size, start_encoder, with_start
from orienteer.labelled.label_csv import read_label_csv
from orienteer.labelled.labelled_scans import LabelledScan, LabelledScans, find_scans, prepare_labelled
from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.pretraining.resolve import LEAST_VIEW_VOX, MOST_VIEW_VOX
from orienteer.progress import Progress
from orienteer.runs.folder import write_config
from orienteer.runs.run import Run
from orienteer.runs.summary import write_summary
from orienteer.runs.weights import SCRATCH
from orienteer.scans.read import header
from orienteer.scans.store import Store
from orienteer.scans.survey import make_plan
from orienteer.scoring.classification_metrics import scan_scores
from orienteer.scoring.classification_results import (
    labels_of,
    majority_scores,
    predictions_csv,
    scores_picture,
    scores_table,
)
from orienteer.scoring.segmentation_results import write_failures
from orienteer.types import AXES_CODE, Triple

SPLIT_FILE, PREDICTIONS_FILE = "split.json", "predictions.csv"


def finetune_classification(config: FinetuneConfig, folder: Path) -> Run:
    """Trains a classifier of scans on a CSV of labels and scores it on test scans.

    The encoder sees views of the size that it was pretrained with; a scan is the mean over its views.

    Args:
        config: the settings; `data` is the CSV, `images` the folder of scans (by default the one that the CSV lies in),
            `patch_size` the size of the views (by default the run's).
        folder: where everything is written; it is there and in use by this process.

    Raises:
        InputError: data, weights or settings that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    begun = time.monotonic()
    if config.data is None:
        do = "name it: orienteer finetune RUN --task classification --data labels.csv --out OUT"
        raise InputError("data", wanted="a CSV of scan and label", got="none", do=do)
    if config.split is not None:
        do = "write train and test into the CSV's column `split`"
        raise InputError("split", wanted="none, for a classification", got=config.split, do=do)
    config = _planned(with_start(config))
    assert config.store is not None
    assert config.data is not None
    assert config.patch_size is not None
    scans = prepare_labelled(
        config.data,
        config.images,
        config.store,
        config.preparation(crop_to_body=True),
        config.selection(),
        config.folds,
        config.fold,
        config.fraction,
        config.seed,
        workers=config.prepare_workers,
    )
    write_failures(folder, scans.failures)
    store, device = Store.open(config.store), _device(config)
    network = Classifier(start_encoder(config, config.patch_size), len(scans.classes), config.seed).to(device)
    seen = _check_overlap(config, store, scans)
    _keep_split(folder, config, scans)
    write_config(folder, config.to_dict(), "finetune")  # last: a folder with a config.yaml is one that can be resumed
    _tell_start(config, scans)

    trained = _train(folder, config, network, store, scans)
    save_classifier(folder, network, scans.classes, config.patch_size, _facts(config))
    figures = _test(folder, config, network, store, scans) if scans.test else None
    summary: dict[str, Any] = {
        "task": "classification",
        "start": config.start,
        "encoder": config.encoder,
        "fraction": config.fraction,
        "seed": config.seed,
        "schedule": config.schedule,
        "steps": trained.steps,
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
        "test_scans_seen_in_pretraining": None if seen is None else len(seen),
        "test": figures,
        "majority_class": majority_scores(scans, config.seed) if scans.test else None,
        "training_seconds": round(trained.seconds, 1),
        "data_wait_share": round(trained.data_wait_share, 4),
        "seconds": round(time.monotonic() - begun, 1),
    }
    write_summary(folder, summary)
    if figures:
        print(f"\n{scores_table(figures)}\n", flush=True)
    print(f"the model, predictions and figures are in {folder}", flush=True)
    if seen is None or seen:
        print(overlap_warning(config.start, _contents(store, scans), seen), flush=True)
    return Run(folder, summary)


def _train(folder: Path, config: FinetuneConfig, network: Classifier, store: Store, scans: LabelledScans) -> Trained:
    assert config.patch_size is not None
    device = next(network.parameters()).device
    views = ScanViews(store, scans.training, config.patch_size, config.batch, config.seed)
    schedule = Schedule(network, network.levels(), len(network.encoder.channels), config)
    counts = np.bincount([scan.label for scan in scans.training], minlength=len(scans.classes))
    # Rare classes count as much as frequent ones, as they do in the scores.
    weights = torch.tensor(len(scans.training) / (len(counts) * counts), dtype=torch.float32, device=device)

    def step_loss(step: int, batch: ScanBatch) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            logits = network(batch.images.to(device))
        losses = functional.cross_entropy(logits.float(), batch.labels.to(device), reduction="none")
        return (losses * weights[batch.labels.to(device)]).mean()

    def batches(steps: range) -> Iterator[ScanBatch]:
        return views.batches(steps, config.workers)

    return train(folder, config, network, schedule, batches, step_loss, lambda batch: ", ".join(batch.names))


def _test(
    folder: Path, config: FinetuneConfig, network: Classifier, store: Store, scans: LabelledScans
) -> dict[str, Any]:
    """Returns the scores on the test scans, and writes each one's probabilities."""
    assert config.patch_size is not None
    network.eval()
    with Progress("testing", len(scans.test), unit="scans") as progress:
        rows = []
        for scan in scans.test:
            rows.append(probabilities(network, store, scan.key, config.patch_size, config.overlap))
            progress.advance()
    predicted = np.stack(rows)
    write_bytes(folder / PREDICTIONS_FILE, predictions_csv(scans, predicted))
    figures = scan_scores(labels_of(scans.test), predicted, config.seed)
    if config.pictures:
        bars = {"this network": figures, "most frequent class": majority_scores(scans, config.seed)}
        write_bytes(folder / "scores.png", scores_picture(bars, "classification of test scans"))
    return figures


@torch.inference_mode()
def probabilities(
    network: Classifier, store: Store, key: str, view_size: Triple, overlap: float
) -> Float64[np.ndarray, " classes"]:
    """Returns the probability of each class for one scan, from a fixed grid of views over its body."""
    device = next(network.parameters()).device
    vectors = [
        network.vectors(torch.from_numpy(views)[:, None].to(device))
        for views in view_batches(store, key, view_size, overlap)
    ]
    return network.logits(torch.cat(vectors)[None])[0].double().softmax(0).cpu().numpy()


def _planned(config: FinetuneConfig) -> FinetuneConfig:
    """Fills in spacing and view size: the run's, or what suits the scans where there is no run."""
    size, spacing = config.patch_size or run_view_size(config), config.spacing_mm
    if size is None or spacing is None:
        path = Path(str(config.data))
        sources = find_scans(path, read_label_csv(path), config.images).sources
        divisor = view_divisor(config.encoder, **config.encoder_arguments)
        plan = make_plan(
            [header(source, config.selection()) for source in sources],
            divisor=divisor,
            least_view_vox=max(LEAST_VIEW_VOX, *divisor),
            most_view_vox=MOST_VIEW_VOX["gpu" if _device(config).type == "cuda" else "cpu"],
            spacing_mm=spacing,
            view_size=size,
        )
        size, spacing = plan.view_size, plan.spacing_mm
        print(f"spacing_mm: {spacing}\npatch_size: {size} (the views of a scan)", flush=True)
    return replace(config, patch_size=size, spacing_mm=spacing)


def _device(config: FinetuneConfig) -> torch.device:
    there = torch.cuda.is_available()
    if config.accelerator == "gpu" and not there:
        raise InputError("accelerator", wanted="a GPU", got="a machine without one", do="use --accelerator cpu")
    return torch.device("cuda" if there and config.accelerator != "cpu" else "cpu")


def _contents(store: Store, scans: LabelledScans) -> dict[str, str]:
    return {scan.name: store.scan(scan.key).content for scan in scans.test}


def _check_overlap(config: FinetuneConfig, store: Store, scans: LabelledScans) -> list[str] | None:
    contents = _contents(store, scans)
    seen = seen_before(config.start, contents)
    if words := overlap_warning(config.start, contents, seen):
        print(words, flush=True)
    return seen


def _keep_split(folder: Path, config: FinetuneConfig, scans: LabelledScans) -> None:
    """Writes split.json; a resumed fine-tuning must have the split that it began with."""
    parts = {"training": scans.training, "test": scans.test}
    rows = {part: {scan.name: scans.classes[scan.label] for scan in found} for part, found in parts.items()}
    file = folder / SPLIT_FILE
    if config.resume and file.is_file() and json.loads(file.read_text()) != rows:
        raise InputError(
            "data",
            wanted="the scans and labels that the fine-tuning began with, as in split.json",
            got="others",
            do="put the data back as they were, or start again in another --out",
        )
    write_json(file, rows, indent=1)


def _tell_start(config: FinetuneConfig, scans: LabelledScans) -> None:
    fresh = "new weights" if config.start == SCRATCH else f"weights of {config.start}"
    print(f"start: {config.encoder} with {fresh}", flush=True)
    print(f"scans: {len(scans.training)} to train on, {len(scans.test)} to test on", flush=True)


def _by_class(scans: Sequence[LabelledScan], classes: Sequence[str]) -> dict[str, int]:
    return {name: sum(scan.label == number for scan in scans) for number, name in enumerate(classes)}


def _facts(config: FinetuneConfig) -> dict[str, Any]:
    """Returns what model.json says of the preparation of new scans, and of the training."""
    preparation = config.preparation(crop_to_body=True)
    return {
        "overlap": config.overlap,
        "spacing_mm": list(preparation.spacing_mm or ()),
        "axes": AXES_CODE,
        "modality": config.modality,
        "intensity": {
            "CT": {"window_hu": list(preparation.ct_window_hu), "to": [-1, 1]},
            "MR": {"percentiles_of_body": list(preparation.mr_percentiles), "to": [-1, 1]},
        },
        "start": "scratch" if config.start == SCRATCH else "pretrained",
        "steps": config.steps,
        "seed": config.seed,
    }
