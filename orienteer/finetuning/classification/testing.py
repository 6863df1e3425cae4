"""Probabilities of the classes of whole scans, and the scores on test scans."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from orienteer.features.reading import read_body_views
from orienteer.files import write_bytes, write_csv
from orienteer.finetuning.classification.model import ClassifierModel
from orienteer.labelled.labelled_scans import LabelledScans
from orienteer.progress import Progress
from orienteer.scoring.classification_metrics import scan_scores
from orienteer.scoring.classification_results import labels_of, majority_scores, predictions_table, scores_picture
from orienteer.store.store import Store

PREDICTIONS_FILE, PICTURE_FILE = "predictions.csv", "scores.png"


def score_scans(
    folder: Path, model: ClassifierModel, store: Store, scans: LabelledScans, seed: int, picture: bool
) -> dict[str, Any]:
    """Returns the scores on the test scans; writes predictions.csv, and scores.png if ``picture`` is set.

    Args:
        seed: of the resampled intervals.
    """
    model.network.eval()
    with Progress("testing", len(scans.test), unit="scans") as progress:
        rows = []
        for scan in scans.test:
            rows.append(probabilities(model, store, scan.key))
            progress.advance()
    predicted = np.stack(rows)
    write_csv(folder / PREDICTIONS_FILE, *predictions_table(scans, predicted))
    scores = scan_scores(labels_of(scans.test), predicted, seed)
    if picture:
        bars = {"this network": scores, "most frequent class": majority_scores(scans, seed)}
        write_bytes(folder / PICTURE_FILE, scores_picture(bars, "classification of test scans"))
    return scores


@torch.inference_mode()
def probabilities(model: ClassifierModel, store: Store, key: str) -> Float64[np.ndarray, " classes"]:
    """Returns the probability of each class for one scan, from a fixed grid of views over its body."""
    network = model.network
    device = next(network.parameters()).device
    vectors = [
        network.vectors(torch.from_numpy(views)[:, None].to(device))
        for views in read_body_views(store, key, model.view_size, model.overlap)
    ]
    return network.logits(torch.cat(vectors)[None])[0].double().softmax(0).cpu().numpy()
