"""Fine-tuning for segmentation from labelled scans to scores on test cases, read top to bottom."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import Trained, saved, train
from orienteer.finetuning.model_files import SegmentationModel, save_model
from orienteer.finetuning.schedules import Schedule
from orienteer.finetuning.segmentation.augment import apply_changes, draw_changes
from orienteer.finetuning.segmentation.checks import check_classes, check_overlap, keep_split, tell_failures
from orienteer.finetuning.segmentation.network import Loaded, build_segmenter, fast_bf16
from orienteer.finetuning.segmentation.output_layer import FIT_BATCHES, fit_output_layers, output_layers
from orienteer.finetuning.segmentation.patches import PatchBatch, Patches, patch_batches
from orienteer.finetuning.segmentation.planning import plan_patch_size, plan_spacing
from orienteer.finetuning.segmentation.testing import score_cases
from orienteer.finetuning.start import run_spacing_mm, run_view_size, start_encoder, with_start
from orienteer.labelled.cases import CaseReader, LabelledCase, PreparedCases, label_counts, prepare_cases
from orienteer.labelled.datasets import LabelledData, read_dataset
from orienteer.labelled.split import split_cases
from orienteer.progress import say
from orienteer.runs.folder import write_config
from orienteer.runs.run import Run
from orienteer.runs.summary import write_summary
from orienteer.runs.weights import SCRATCH
from orienteer.scans.store import Store
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.scoring.segmentation_results import results_table, summary_of_scores, write_failures, write_results
from orienteer.types import TripleMm


def finetune_segmentation(config: FinetuneConfig, folder: Path, prepared: PreparedCases | None = None) -> Run:
    """Trains a segmentation network on labelled scans, predicts the test cases and scores them.

    Args:
        config: the settings; `data`, or `images` and `labels`, must be set, and `store`.
        folder: where everything is written; it is there and in use by this process.
        prepared: the cases, where somebody has prepared them with these settings already.

    Raises:
        InputError: data, weights or settings that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    begun = time.monotonic()
    config = with_start(config)
    start_encoder(config)  # weights that are missing, damaged or of another network stop here, before any work
    if prepared is None:
        data = read_dataset(config.data, config.images, config.labels)
        config = _planned(config, data)
        prepared = _prepare(config, data)
        tell_failures(prepared.failures)
    write_failures(folder, prepared.failures)
    training, test = split_cases(
        list(prepared.cases),
        config.folds,
        config.fold,
        config.fraction,
        config.seed,
        config.split,
        [failure.name for failure in prepared.failures],
    )
    absent = check_classes(prepared, training, test)
    seen, warning = check_overlap(config.start, prepared.cases, test)
    device = _device(config)
    config = _with_patch_size(config, prepared, device)
    encoder = start_encoder(config, config.patch_size if config.encoder == "vit" else None)
    network, loaded = build_segmenter(encoder, len(prepared.classes), config.deep_supervision, config.seed)
    keep_split(folder, config.resume, training, test)
    write_config(folder, config.to_dict(), "finetune")  # last: a folder with a config.yaml is one that can be resumed
    say("\n".join(filter(None, (_beginning(config, loaded, training, test), warning))))

    assert config.patch_size is not None
    assert config.store is not None
    model = SegmentationModel(
        network.to(device),
        prepared.classes,
        config.patch_size,
        config.overlap,
        config.preparation(),
        config.selection(),
        device,
    )
    trained = _train(folder, config, model, loaded, [prepared.cases[name] for name in training])
    network.eval()
    save_model(folder, model, _facts(config, training))
    test_cases = [prepared.cases[name] for name in test]
    scores = score_cases(folder, model, Store.open(config.store), test_cases, config.pictures)
    write_results(folder, scores, prepared.classes)
    summary = _summary(config, prepared, training, scores, trained)
    summary |= {"classes_absent_from_training": absent, "test_scans_seen_in_pretraining": seen}
    summary["seconds"] = round(time.monotonic() - begun, 1)
    write_summary(folder, summary)
    if scores:
        say(f"\n{results_table(summary['test'])}\n")
    say(f"the model, predictions, pictures and figures are in {folder}")
    if warning:
        say(warning)  # once more, beside the figures that it is about
    return Run(folder, summary)


def segmentation_loss() -> nn.Module:
    """Returns the loss: Dice over the classes above background plus cross-entropy over all, level by level.

    Dice is taken over the batch, so that a patch without a class does not count as a miss. MONAI's weights halve from
    one level of the decoder to the next coarser one.
    """
    from monai.losses import DeepSupervisionLoss, DiceCELoss  # here, not above: it takes seconds

    return DeepSupervisionLoss(DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True))


def step_loss(
    config: FinetuneConfig, network: nn.Module, device: torch.device, spacing_mm: TripleMm
) -> Callable[[int, PatchBatch], Tensor]:
    """Returns the function that augments the patches of a step and gives their loss."""
    loss = segmentation_loss()
    half = config.precision == "bf16" or (config.precision == "auto" and fast_bf16(device))

    def of_step(step: int, batch: PatchBatch) -> Tensor:
        batch = augmented(config, step, batch.to(device), spacing_mm)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(batch.images)
        return loss(logits, batch.labels.float())

    return of_step


def augmented(config: FinetuneConfig, step: int, batch: PatchBatch, spacing_mm: TripleMm) -> PatchBatch:
    """Returns the patches of a step as the network sees them: a function of the seed and the step alone."""
    changes = draw_changes(np.random.default_rng([config.seed, 2, step]), config.batch, config.mirror)
    return apply_changes(batch, changes, spacing_mm)


def _train(
    folder: Path, config: FinetuneConfig, model: SegmentationModel, loaded: Loaded, cases: list[LabelledCase]
) -> Trained:
    assert config.store is not None
    assert config.spacing_mm is not None
    patches = Patches(CaseReader(Store.open(config.store)), cases, model.patch_size, config.batch, config.seed)
    level = {f"network.{name}": number for name, number in loaded.level.items()}
    schedule = Schedule(model.network, level, loaded.levels, config)

    def batches(steps: range) -> Iterator[PatchBatch]:
        return patch_batches(patches, steps, config.workers)

    if config.output_layer == "fitted" and not saved(folder, config):
        _fit_output(config, model, loaded, batches(range(FIT_BATCHES)))
    loss = step_loss(config, model.network, model.device, config.spacing_mm)
    return train(folder, config, model.network, schedule, batches, loss, lambda batch: ", ".join(batch.names))


def _fit_output(
    config: FinetuneConfig, model: SegmentationModel, loaded: Loaded, batches: Iterator[PatchBatch]
) -> None:
    """Gives the output layers the weights that read the classes best off the features as they are."""
    assert config.spacing_mm is not None
    network, device, spacing_mm = model.network, model.device, config.spacing_mm
    layers = output_layers(network.network, len(model.classes), loaded.new)
    seen = (augmented(config, step, batch.to(device), spacing_mm) for step, batch in enumerate(batches))
    network.train()
    voxels = fit_output_layers(network, layers, seen, len(model.classes), config.seed) if layers else 0
    if not voxels:
        why = "the patches show one class only" if layers else "this network has none that looks at single places"
        say(f"output layer: begins at random ({why})")


def _planned(config: FinetuneConfig, data: LabelledData) -> FinetuneConfig:
    """Fills in the modality, and the spacing where there is no run."""
    if config.modality == "auto":
        config = replace(config, modality=data.modality)
    if config.spacing_mm is None:
        spacing = plan_spacing([case.source for case in data.cases], config.selection())
        say(f"spacing_mm: {spacing} (the median voxel of the scans)")
        config = replace(config, spacing_mm=spacing)
    return config


def _prepare(config: FinetuneConfig, data: LabelledData) -> PreparedCases:
    assert config.store is not None
    chosen = config.spacing_mm != run_spacing_mm(config)  # by the user, or planned from these very scans
    return prepare_cases(data, config.store, config.preparation(), config.selection(), config.prepare_workers, chosen)


def _with_patch_size(config: FinetuneConfig, prepared: PreparedCases, device: torch.device) -> FinetuneConfig:
    """Fills in the size of a patch, and checks one that was given."""
    anew = replace(config, start=SCRATCH)
    if config.patch_size is None:
        encoder = start_encoder(anew)
        fixed = run_view_size(config) if config.encoder == "vit" else None  # its position embedding has one size
        shapes = [case.shape_vox for case in prepared.cases.values()]
        size = fixed or plan_patch_size(shapes, encoder.divisor, encoder.min_cells, device.type)
        why = "as the run's position embedding asks" if fixed else "the typical scan, as far as the machine can take it"
        say(f"patch_size: {size} ({why})")
        config = replace(config, patch_size=size)
    start_encoder(anew, config.patch_size).check_size(config.patch_size or (0, 0, 0))
    return config


def _device(config: FinetuneConfig) -> torch.device:
    there = torch.cuda.is_available()
    if config.accelerator == "gpu" and not there:
        raise InputError("accelerator", wanted="a GPU", got="a machine without one", do="use --accelerator cpu")
    return torch.device("cuda" if there and config.accelerator != "cpu" else "cpu")


def _facts(config: FinetuneConfig, training: list[str]) -> dict[str, Any]:
    """Returns what model.json says beside the network."""
    return {
        "encoder": config.encoder,
        "encoder_arguments": config.encoder_arguments,
        "start": SCRATCH if config.start == SCRATCH else "pretrained",
        "steps": config.steps,
        "seed": config.seed,
        "training_cases": len(training),
    }


def _beginning(config: FinetuneConfig, loaded: Loaded, training: list[str], test: list[str]) -> str:
    fresh = "new weights" if config.start == SCRATCH else f"the weights of {config.start}"
    return (
        f"start: encoder '{config.encoder}' with {fresh} ({len(loaded.level)} parameters); "
        f"{'output' if config.encoder_arguments.get('decoder') else 'decoder and output'} new ({len(loaded.new)})\n"
        f"cases: {len(training)} to train on, {len(test)} to test on"
    )


def _summary(
    config: FinetuneConfig,
    prepared: PreparedCases,
    training: list[str],
    scores: dict[str, CaseScores],
    trained: Trained,
) -> dict[str, Any]:
    counts = label_counts(prepared.cases, training)[1:].tolist()
    return {
        "task": "segmentation",
        "start": config.start,
        "encoder": config.encoder,
        "fraction": config.fraction,
        "seed": config.seed,
        "schedule": config.schedule,
        "steps": trained.steps,
        "folds": config.folds if config.split is None else None,
        "split": config.split,
        "fold": config.fold,
        "counts": {
            "training": len(training),
            "test": len(scores),
            "failed": len(prepared.failures),
            "training_cases_with_class": dict(zip(list(prepared.classes.values())[1:], counts, strict=True)),
        },
        "test": summary_of_scores(scores, prepared.classes) if scores else None,
        "training_seconds": round(trained.seconds, 1),
        "data_wait_share": round(trained.data_wait_share, 4),
    }
