"""Fine-tuning for segmentation from labelled scans to scores on test cases, read top to bottom."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from orienteer.finetuning.checks import check_overlap, without_path, write_same_split
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import Trained, resumes, train
from orienteer.finetuning.model_files import training_facts
from orienteer.finetuning.resolved import ResolvedFinetune, resolve
from orienteer.finetuning.schedules import Schedule
from orienteer.finetuning.segmentation.classes import check_classes, print_failures
from orienteer.finetuning.segmentation.loss import augmented, step_loss
from orienteer.finetuning.segmentation.model import SegmentationModel, save_segmentation
from orienteer.finetuning.segmentation.network import FilledNetwork, build_segmenter
from orienteer.finetuning.segmentation.output_layer import FIT_BATCHES, fit_output_layers, output_layers
from orienteer.finetuning.segmentation.page import write_page
from orienteer.finetuning.segmentation.patches import PatchBatch, Patches
from orienteer.finetuning.segmentation.planning import patch_size_for, with_data
from orienteer.finetuning.segmentation.summary import beginning, holds, summary_of
from orienteer.finetuning.segmentation.testing import score_cases
from orienteer.finetuning.starting_point import StartingPoint, encoder_for, starting_point
from orienteer.finetuning.step_batches import step_batches
from orienteer.finetuning.summary import finish
from orienteer.labelled.case_reader import CaseReader
from orienteer.labelled.cases import LabelledCase, PreparedCases, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.failures import write_failures
from orienteer.labelled.split import split_cases
from orienteer.progress import say
from orienteer.runs.folder import write_config
from orienteer.runs.run import Run
from orienteer.scans.preparation import Preparation
from orienteer.scoring.segmentation_results import results_table, write_results
from orienteer.store.store import Store

BYTES_PER_VOXEL = 5
"""Of a batch: 4 bytes of the scan and one of the labels."""

PrepareCases = Callable[[Preparation], PreparedCases]


def finetune_segmentation(config: FinetuneConfig, folder: Path, prepare: PrepareCases | None = None) -> Run:
    """Trains a segmentation network on labelled scans, predicts the test cases and scores them.

    Args:
        config: the settings; `data`, or `images` and `labels`, must be set, and `store`.
        folder: where everything is written; it exists and is locked by this process.
        prepare: returns the prepared cases, in place of those of `data`. Spacing and modality must then be known.

    Raises:
        InputError, TrainingStopped, KeyboardInterrupt: see `finetune`.
    """
    began_at = time.monotonic()
    point = starting_point(config)
    settings, prepared = _prepared(point) if prepare is None else _prepared_by(prepare, point)
    write_failures(folder, prepared.failures)
    training, test = _split(settings.config, prepared)
    absent = check_classes(prepared, training, test)
    test_cases = [prepared.cases[name] for name in test]
    sources = {case.name: case.case.source for case in test_cases}
    seen, warning = check_overlap(point.start, {case.name: case.content for case in test_cases}, sources)
    patch_size = patch_size_for(settings, [case.shape_vox for case in prepared.cases.values()])
    encoder = encoder_for(point, patch_size)
    network, filled = build_segmenter(encoder, len(prepared.classes), config.deep_supervision, config.seed)
    contents = {
        name: f"{prepared.cases[name].content}, {prepared.cases[name].labels.stem}" for name in (*training, *test)
    }
    write_same_split(folder, {"training": training, "test": test}, contents, config.resume)
    written = replace(settings.config, patch_size=patch_size).to_dict()
    write_config(folder, written, "finetune")  # last: a folder with a config.yaml is one that can be resumed
    say("\n".join(filter(None, (beginning(settings, filled, len(training), len(test)), warning))))

    model = SegmentationModel(
        network=network.to(settings.device),
        classes=prepared.classes,
        patch_size=patch_size,
        overlap=config.overlap,
        preparation=settings.preparation,
        selection=settings.selection,
        device=settings.device,
    )
    trained = _train(folder, settings, model, filled, [prepared.cases[name] for name in training])
    network.eval()
    facts = {"encoder": settings.config.encoder, "encoder_arguments": settings.config.encoder_arguments}
    save_segmentation(folder, model, {**facts, **training_facts(settings), "training_cases": len(training)})
    scores = score_cases(folder, model, Store.open(settings.store), test_cases, config.pictures)
    write_results(folder, scores, prepared.classes)
    summary = summary_of(settings, prepared, training, scores, trained)
    summary |= {"classes_absent_from_training": absent, "test_scans_seen_in_pretraining": seen}
    summary["seconds"] = round(time.monotonic() - began_at, 1)
    write_page(folder, scores, prepared.classes, summary, without_path(warning, point.start))
    table = results_table(summary["test"]) if scores else ""
    return finish(folder, summary, table, holds(scores, config.pictures), warning)


def _prepared(point: StartingPoint) -> tuple[ResolvedFinetune, PreparedCases]:
    """Returns the resolved settings and the prepared cases of the data that the settings name."""
    config = point.config
    data = read_dataset(config.data, config.images, config.labels)
    settings = resolve(point, with_data(config, data), crop_to_body=False, auto_bf16=True)
    prepared = prepare_cases(
        data,
        settings.store,
        settings.preparation,
        settings.selection,
        config.prepare_workers,
        given_spacing=not point.spacing_of_run,  # chosen by the user, or planned from these very scans
    )
    print_failures(prepared.failures)
    return settings, prepared


def _prepared_by(prepare: PrepareCases, point: StartingPoint) -> tuple[ResolvedFinetune, PreparedCases]:
    settings = resolve(point, point.config, crop_to_body=False, auto_bf16=True)
    return settings, prepare(settings.preparation)


def _split(config: FinetuneConfig, prepared: PreparedCases) -> tuple[list[str], list[str]]:
    """Returns the names of training and test cases."""
    return split_cases(
        list(prepared.cases),
        config.folds,
        config.fold,
        config.fraction,
        config.seed,
        config.split,
        [failure.name for failure in prepared.failures],
        prepared.groups(config.group_by),
    )


def _train(
    folder: Path, settings: ResolvedFinetune, model: SegmentationModel, filled: FilledNetwork, cases: list[LabelledCase]
) -> Trained:
    config, network = settings.config, model.network
    patches = Patches(CaseReader(Store.open(settings.store)), cases, model.patch_size, config.batch, config.seed)
    level = {f"network.{name}": number for name, number in filled.level.items()}
    schedule = Schedule(network, level, filled.levels, config)

    def batches(steps: range) -> Iterator[PatchBatch]:
        batch_bytes = config.batch * math.prod(model.patch_size) * BYTES_PER_VOXEL
        return step_batches(patches, steps, config.workers, config.seed, batch_bytes)

    if config.output_layer == "fitted" and not resumes(folder, config):
        _fit_output(settings, model, filled, batches(range(FIT_BATCHES)))
    loss = step_loss(config, network, model.device, settings.spacing_mm, settings.bf16)
    return train(folder, config, network, schedule, batches, loss, lambda batch: ", ".join(batch.names))


def _fit_output(
    settings: ResolvedFinetune, model: SegmentationModel, filled: FilledNetwork, batches: Iterator[PatchBatch]
) -> None:
    """Fits the output layers to the features as they are before training."""
    config, network, classes = settings.config, model.network, len(model.classes)
    layers = output_layers(network.network, classes, filled.new)
    patches = (
        augmented(config, step, batch.to(model.device), settings.spacing_mm) for step, batch in enumerate(batches)
    )
    network.train()
    voxels = fit_output_layers(network, layers, patches, classes, config.seed) if layers else 0
    if not voxels:
        why = "the patches hold a single class" if layers else "this network has no 1x1x1 output convolution"
        say(f"output layer: initialised at random ({why})")
