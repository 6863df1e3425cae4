"""Predicts labelled test cases, scores them in the geometry of their files, and draws the best, median and worst."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from orienteer.finetuning.segmentation.inference import label_values, segment
from orienteer.finetuning.segmentation.model import SegmentationModel
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_maps import read_label_map
from orienteer.labelled.nifti import write_labels
from orienteer.labelled.resampling import labels_on_grid
from orienteer.output_names import output_paths
from orienteer.progress import Progress
from orienteer.scoring.segmentation_metrics import CaseScores, score_case
from orienteer.scoring.segmentation_pictures import CaseLabels, chosen_cases, draw_case
from orienteer.store.store import Store

PREDICTIONS_FOLDER, PICTURES_FOLDER = "predictions", "pictures"


def score_cases(
    folder: Path, model: SegmentationModel, store: Store, cases: Sequence[LabelledCase], pictures: bool
) -> dict[str, CaseScores]:
    """Returns the scores of test cases; writes predictions/CASE.nii.gz and three pictures into ``folder``.

    Raises:
        InputError: a prediction that cannot be written, for example because the disk is full.
    """
    values, scores = list(model.classes), {}
    paths = prediction_paths(folder, [case.name for case in cases])
    with store, Progress("testing", len(cases), unit="cases") as progress:
        for case in cases:
            predicted = _predict(model, store, case)
            truth, geometry = read_label_map(case.case, values)
            write_labels(paths[case.name], label_values(predicted, values), case.file_grid, case.case.source)
            step0, step1, step2 = geometry.spacing_mm
            scores[case.name] = score_case(predicted, truth, len(values), (step2, step1, step0))
            progress.advance(1, {"dice": scores[case.name].dice_mean})
        if pictures:
            by_name = {case.name: case for case in cases}
            for rank, name in chosen_cases(scores).items():
                _draw(folder, model, store, by_name[name], rank, scores[name])
    return scores


def prediction_paths(folder: Path, cases: Sequence[str]) -> dict[str, Path]:
    """Returns where the prediction of each case lies in the folder of a fine-tuning."""
    return output_paths(folder, cases, ".nii.gz", below=PREDICTIONS_FOLDER)


def _predict(model: SegmentationModel, store: Store, case: LabelledCase) -> UInt8[np.ndarray, "file2 file1 file0"]:
    voxels = store.read(case.key, (0, 0, 0), case.shape_vox)
    return segment(model, voxels, case.grid, case.file_grid)


def _draw(
    folder: Path, model: SegmentationModel, store: Store, case: LabelledCase, rank: str, score: CaseScores
) -> None:
    truth, geometry = read_label_map(case.case, list(model.classes))
    predicted = _predict(model, store, case)
    maps = [labels_on_grid(labels, len(model.classes), geometry, case.grid) for labels in (truth, predicted)]
    labels = CaseLabels(maps[0], maps[1], list(model.classes.values())[1:], score)
    title = f"{rank} case: {case.name}, mean Dice {score.dice_mean:.2f}"
    voxels = store.read(case.key, (0, 0, 0), case.shape_vox)
    draw_case(folder / PICTURES_FOLDER / f"{rank}.png", title, voxels, labels, case.grid)
