"""Predicts labelled test cases, scores them in their own geometry and draws the best, the median and the worst."""

from collections.abc import Sequence
from pathlib import Path

from orienteer.finetuning.model_files import SegmentationModel
from orienteer.finetuning.predict import label_values, segment
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_maps import read_label_map
from orienteer.labelled.nifti import write_labels
from orienteer.labelled.resampling import labels_on_grid
from orienteer.progress import Progress
from orienteer.scans.store import Store
from orienteer.scoring.segmentation_metrics import CaseScores, score_case
from orienteer.scoring.segmentation_pictures import chosen_cases, draw_case

PREDICTIONS_FOLDER, PICTURES_FOLDER = "predictions", "pictures"


def score_cases(
    folder: Path, model: SegmentationModel, store: Store, cases: Sequence[LabelledCase], pictures: bool
) -> dict[str, CaseScores]:
    """Returns the scores of test cases; writes predictions/CASE.nii.gz and three pictures into ``folder``.

    Raises:
        InputError: a prediction that cannot be written, for example because the disk is full.
    """
    values, scores = list(model.classes), {}
    with store, Progress("testing", len(cases), unit="cases") as progress:
        for case in cases:
            voxels = store.read(case.key, (0, 0, 0), case.shape_vox)
            predicted = segment(model, voxels, case.grid, case.file_grid)
            truth, own = read_label_map(case.case, values)
            path = folder / PREDICTIONS_FOLDER / f"{case.name}.nii.gz"
            write_labels(path, label_values(predicted, values), case.file_grid, case.case.source)
            step0, step1, step2 = own.spacing_mm
            scores[case.name] = score_case(predicted, truth, len(values), (step2, step1, step0))
            progress.advance(1, {"dice": scores[case.name].dice_mean})
        if pictures:
            by_name = {case.name: case for case in cases}
            for rank, name in chosen_cases(scores).items():
                _draw(folder, model, store, by_name[name], rank, scores[name])
    return scores


def _draw(
    folder: Path, model: SegmentationModel, store: Store, case: LabelledCase, rank: str, score: CaseScores
) -> None:
    voxels, values = store.read(case.key, (0, 0, 0), case.shape_vox), list(model.classes)
    truth, own = read_label_map(case.case, values)
    predicted = segment(model, voxels, case.grid, case.file_grid)
    on_grid = [labels_on_grid(labels, len(values), own, case.grid) for labels in (truth, predicted)]
    title = f"{rank}: {case.name}, mean Dice {score.dice_mean:.3f}"
    draw_case(folder / PICTURES_FOLDER / f"{rank}.png", title, voxels, on_grid[0], on_grid[1], case.grid)
