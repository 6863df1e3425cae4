"""Fine-tuning for segmentation from labelled scans to scores on test cases, read top to bottom."""

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from orienteer.errors import InputError
from orienteer.progress import Progress
from orienteer.scans.source import Selection
from orienteer.scans.store import Store
from orienteer.training.run import Run
from orienteer.training.weights import write_whole
from orienteer.transfer.cases import CaseReader, LabelledCase, PreparedCases, label_counts, prepare_cases, read_labels
from orienteer.transfer.config import SCRATCH, FinetuneConfig
from orienteer.transfer.datasets import LabelledData, read_dataset, split_cases
from orienteer.transfer.geometry import labels_on_grid
from orienteer.transfer.loop import Trained, train
from orienteer.transfer.metrics import CaseScores, score_case
from orienteer.transfer.model import SegmentationModel, save_model
from orienteer.transfer.network import Loaded, Segmenter, build_segmenter, fast_bf16
from orienteer.transfer.nifti import write_labels
from orienteer.transfer.output import write_config, write_summary
from orienteer.transfer.overlap import overlap_warning, seen_before
from orienteer.transfer.patch_augment import apply_changes, draw_changes
from orienteer.transfer.patches import PatchBatch, Patches, patch_batches
from orienteer.transfer.planning import plan_patch_size, plan_spacing
from orienteer.transfer.predict import label_values, segment
from orienteer.transfer.results import (
    chosen_cases,
    draw_case,
    results_table,
    summary_of_scores,
    write_failures,
    write_results,
)
from orienteer.transfer.schedules import Schedule
from orienteer.transfer.start import run_view_size, start_encoder, with_start
from orienteer.types import Triple

SPLIT_FILE = "split.json"


def finetune_segmentation(config: FinetuneConfig, folder: Path) -> Run:
    """Trains a segmentation network on labelled scans, predicts the test cases and scores them.

    Args:
        config: the settings; `data`, or `images` and `labels`, must be set.
        folder: where everything is written; it is there and in use by this process.

    Raises:
        InputError: data, weights or settings that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    begun = time.monotonic()
    given_spacing = config.spacing_mm is not None
    config = with_start(config)
    data = read_dataset(config.data, config.images, config.labels)
    config = _planned(config, data)
    assert config.store is not None
    prepared = prepare_cases(
        data, config.store, config.preparation(), config.selection(), config.prepare_workers, given_spacing
    )
    _tell_failures(prepared)
    write_failures(folder, prepared.failures)
    training, test = split_cases(list(prepared.cases), config.folds, config.fold, config.fraction, config.seed)
    training_cases = [prepared.cases[name] for name in training]
    absent = _check_classes(prepared, training, test)
    device = _device(config)
    config = _with_patch_size(config, prepared, device)
    network, loaded = build_segmenter(
        start_encoder(config, _fixed_size(config)), len(prepared.classes), config.deep_supervision, config.seed
    )
    seen = _check_overlap(config, prepared, test)
    _keep_split(folder, config, training, test)
    write_config(folder, config)  # last: a folder with a config.yaml is one that can be resumed
    _tell_start(config, loaded, training, test)

    model = _model(config, network.to(device), prepared, device)
    trained = _train(folder, config, model, loaded, training_cases)
    save_model(folder, replace(model, network=network.eval()), _facts(config, prepared, training))
    scores = _test(folder, config, model, [prepared.cases[name] for name in test])
    write_results(folder, scores, prepared.classes)
    summary: dict[str, Any] = {
        "task": "segmentation",
        "start": config.start,
        "encoder": config.encoder,
        "fraction": config.fraction,
        "seed": config.seed,
        "schedule": config.schedule,
        "steps": trained.steps,
        "folds": config.folds,
        "fold": config.fold,
        "counts": {
            "training": len(training),
            "test": len(test),
            "failed": len(prepared.failures),
            "training_cases_with_class": dict(
                zip(
                    list(prepared.classes.values())[1:],
                    label_counts(prepared.cases, training)[1:].tolist(),
                    strict=True,
                )
            ),
        },
        "classes_absent_from_training": absent,
        "test_scans_seen_in_pretraining": None if seen is None else len(seen),
        "test": summary_of_scores(scores, prepared.classes) if scores else None,
        "training_seconds": round(trained.seconds, 1),
        "data_wait_share": round(trained.data_wait_share, 4),
        "seconds": round(time.monotonic() - begun, 1),
    }
    write_summary(folder, summary)
    if scores:
        print(f"\n{results_table(summary['test'])}\n", flush=True)
    print(f"the model, predictions, pictures and figures are in {folder}", flush=True)
    if seen is None or seen:
        print(overlap_warning(config.start, _contents(prepared, test), seen), flush=True)
    return Run(folder, summary)


def segmentation_loss() -> nn.Module:
    """Returns the loss: Dice over the classes above background plus cross-entropy over all, level by level.

    Dice is taken over the batch, so that a patch without a class does not count as a miss. MONAI's weights halve from
    one level of the decoder to the next coarser one.
    """
    from monai.losses import DeepSupervisionLoss, DiceCELoss  # here, not above: it takes seconds

    return DeepSupervisionLoss(DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True))


def _train(
    folder: Path, config: FinetuneConfig, model: SegmentationModel, loaded: Loaded, cases: list[LabelledCase]
) -> Trained:
    assert config.patch_size is not None
    assert config.spacing_mm is not None
    spacing_mm, loss = config.spacing_mm, segmentation_loss()
    half = config.precision == "bf16" or (config.precision == "auto" and fast_bf16(model.device))
    patches = Patches(CaseReader(_store(config)), cases, config.patch_size, config.batch, config.seed)
    level = {f"network.{name}": number for name, number in loaded.level.items()}
    schedule = Schedule(model.network, level, loaded.levels, config)

    def batches(steps: range) -> Iterator[PatchBatch]:
        return patch_batches(patches, steps, config.workers)

    def step_loss(step: int, batch: PatchBatch) -> Tensor:
        changes = draw_changes(np.random.default_rng([config.seed, 2, step]), config.batch, config.mirror)
        batch = apply_changes(batch.to(model.device), changes, spacing_mm)
        with torch.autocast(model.device.type, torch.bfloat16, enabled=half):
            logits = model.network(batch.images)
        return loss(logits, batch.labels.float())

    return train(folder, config, model.network, schedule, batches, step_loss, lambda batch: ", ".join(batch.names))


def _test(
    folder: Path, config: FinetuneConfig, model: SegmentationModel, cases: list[LabelledCase]
) -> dict[str, CaseScores]:
    """Predicts the test cases into predictions/, scores them in their own geometry and draws three of them."""
    store, values, scores = _store(config), list(model.classes), {}
    with store, Progress("testing", len(cases), unit="cases") as progress:
        for case in cases:
            voxels = store.read(case.key, (0, 0, 0), case.shape_vox)
            predicted = segment(model, voxels, case.grid, case.own)
            truth, own = read_labels(case.case, values)
            write_labels(_prediction(folder, case), label_values(predicted, values), own, case.case.source)
            step0, step1, step2 = own.spacing_mm
            scores[case.name] = score_case(predicted, truth, len(values), (step2, step1, step0))
            progress.advance(1, {"dice": scores[case.name].dice_mean})
        if config.pictures:
            by_name = {case.name: case for case in cases}
            for rank, name in chosen_cases(scores).items():
                _draw(folder, store, model, by_name[name], rank, scores[name])
    return scores


def _draw(
    folder: Path, store: Store, model: SegmentationModel, case: LabelledCase, rank: str, score: CaseScores
) -> None:
    voxels, values = store.read(case.key, (0, 0, 0), case.shape_vox), list(model.classes)
    truth, own = read_labels(case.case, values)
    predicted = segment(model, voxels, case.grid, case.own)
    on_grid = [labels_on_grid(labels, len(values), own, case.grid) for labels in (truth, predicted)]
    title = f"{rank}: {case.name}, mean Dice {score.dice_mean:.3f}"
    draw_case(folder / "pictures" / f"{rank}.png", title, voxels, on_grid[0], on_grid[1], case.grid)


def _prediction(folder: Path, case: LabelledCase) -> Path:
    return folder / "predictions" / f"{case.name}.nii.gz"


def _planned(config: FinetuneConfig, data: LabelledData) -> FinetuneConfig:
    """Fills in the modality, and the spacing where there is no run."""
    if config.modality == "auto":
        config = replace(config, modality=data.modality)
    if config.spacing_mm is None:
        spacing = plan_spacing([case.source for case in data.cases], Selection(modality=config.modality))
        print(f"spacing_mm: {spacing} (the median voxel of the scans)", flush=True)
        config = replace(config, spacing_mm=spacing)
    return config


def _with_patch_size(config: FinetuneConfig, prepared: PreparedCases, device: torch.device) -> FinetuneConfig:
    """Fills in the size of a patch, and checks one that was given."""
    encoder = start_encoder(replace(config, start=SCRATCH), _fixed_size(config))
    if config.patch_size is None:
        fixed = run_view_size(config) if encoder.family == "vit" else None  # its position embedding has one size
        shapes = [case.shape_vox for case in prepared.cases.values()]
        size = fixed or plan_patch_size(shapes, encoder.divisor, encoder.min_cells, device.type)
        why = "as the run's position embedding asks" if fixed else "the typical scan, as far as the machine can take it"
        print(f"patch_size: {size} ({why})", flush=True)
        config = replace(config, patch_size=size)
    assert config.patch_size is not None
    encoder.check_size(config.patch_size)
    return config


def _fixed_size(config: FinetuneConfig) -> Triple | None:
    return config.patch_size if config.encoder == "vit" else None


def _device(config: FinetuneConfig) -> torch.device:
    there = torch.cuda.is_available()
    if config.accelerator == "gpu" and not there:
        raise InputError("accelerator", wanted="a GPU", got="a machine without one", do="use --accelerator cpu")
    return torch.device("cuda" if there and config.accelerator != "cpu" else "cpu")


def _check_classes(prepared: PreparedCases, training: list[str], test: list[str]) -> list[str]:
    """Returns the classes that no training case has, and says so; stops where there is no foreground at all."""
    names = list(prepared.classes.values())
    trained = label_counts(prepared.cases, training)
    if not trained[1:].any():
        raise InputError(
            "data",
            wanted="training cases with something labelled",
            got=f"{len(training)} without any foreground",
            do="check the label maps, or use a larger --fraction",
        )
    empty = [name for name in training + test if not any(prepared.cases[name].voxels[1:])]
    if empty:
        print(f"note: {len(empty)} cases have no foreground, first {empty[0]}; they are used as they are", flush=True)
    absent = [name for name, count in zip(names, trained.tolist(), strict=True) if not count]
    for name in absent:
        print(
            f"WARNING: class '{name}' is in none of the {len(training)} training cases, so it cannot be learned. "
            "Do this: use a larger --fraction or another --seed, or take the class out of `labels`.",
            flush=True,
        )
    return absent


def _check_overlap(config: FinetuneConfig, prepared: PreparedCases, test: list[str]) -> list[str] | None:
    contents = _contents(prepared, test)
    seen = seen_before(config.start, contents)
    if words := overlap_warning(config.start, contents, seen):
        print(words, flush=True)
    return seen


def _contents(prepared: PreparedCases, names: list[str]) -> dict[str, str]:
    return {name: prepared.cases[name].content for name in names}


def _keep_split(folder: Path, config: FinetuneConfig, training: list[str], test: list[str]) -> None:
    """Writes split.json; a resumed fine-tuning must have the split that it began with."""
    file, rows = folder / SPLIT_FILE, {"training": training, "test": test}
    if config.resume and file.is_file() and json.loads(file.read_text()) != rows:
        raise InputError(
            "data",
            wanted="the cases that the fine-tuning began with, as in split.json",
            got="others",
            do="put the data back as they were, or start again in another --out",
        )
    write_whole(file, (json.dumps(rows, indent=1) + "\n").encode())


def _model(
    config: FinetuneConfig, network: Segmenter, prepared: PreparedCases, device: torch.device
) -> SegmentationModel:
    assert config.patch_size is not None
    return SegmentationModel(
        network,
        prepared.classes,
        config.patch_size,
        config.overlap,
        config.preparation(),
        config.selection(),
        device,
    )


def _facts(config: FinetuneConfig, prepared: PreparedCases, training: list[str]) -> dict[str, Any]:
    """Returns what model.json says beside the network."""
    return {
        "encoder": config.encoder,
        "encoder_arguments": config.encoder_arguments,
        "start": "scratch" if config.start == SCRATCH else "pretrained",
        "steps": config.steps,
        "seed": config.seed,
        "training_cases": len(training),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _tell_failures(prepared: PreparedCases) -> None:
    for failure in prepared.failures[:5]:
        print(f"set aside: {failure.name}: {failure.reason}. Do this: {failure.do.rstrip('.')}.", flush=True)
    if len(prepared.failures) > 5:
        print(f"set aside: {len(prepared.failures) - 5} more, see failures.csv", flush=True)


def _tell_start(config: FinetuneConfig, loaded: Loaded, training: list[str], test: list[str]) -> None:
    fresh = "new weights" if config.start == SCRATCH else f"weights of {config.start}"
    kept = len(set(loaded.level))
    print(f"start: {config.encoder} with {fresh} in {kept} encoder tensors, {len(loaded.new)} new ones", flush=True)
    print(f"cases: {len(training)} to train on, {len(test)} to test on", flush=True)


def _store(config: FinetuneConfig) -> Store:
    assert config.store is not None
    return Store.open(config.store)
