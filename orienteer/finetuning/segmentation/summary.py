"""What a segmentation prints when it begins, and its summary.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from orienteer.finetuning.loop import Trained
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.finetuning.segmentation.network import FilledNetwork
from orienteer.finetuning.segmentation.page import PAGE_FILE
from orienteer.finetuning.summary import settings_summary, start_words, training_summary
from orienteer.labelled.cases import PreparedCases, label_counts
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.scoring.segmentation_results import summary_of_scores


def beginning(settings: ResolvedFinetune, filled: FilledNetwork, training: int, test: int) -> str:
    """Returns the words that are printed before the first step: the weights, and how many cases there are."""
    new = "output" if settings.config.encoder_arguments.get("decoder") else "decoder and output"
    return (
        f"{start_words(settings)} ({len(filled.level)} parameters); {new} new ({len(filled.new)})\n"
        f"cases: {training} for training, {test} for testing"
    )


def holds(scores: Mapping[str, CaseScores], pictures: bool) -> str:
    """Returns what the folder holds, in words: nothing that is not there.

    Example:
        >>> holds({}, True)
        'the model, metrics and finetune.html'
    """
    parts = ["the model", *(["predictions"] if scores else []), *(["pictures"] if scores and pictures else [])]
    return f"{', '.join([*parts, 'metrics'])} and {PAGE_FILE}"


def summary_of(
    settings: ResolvedFinetune,
    prepared: PreparedCases,
    training: Sequence[str],
    scores: Mapping[str, CaseScores],
    trained: Trained,
) -> dict[str, Any]:
    """Returns summary.json but for what is known only after the scores: overlap with pretraining, and the time."""
    config = settings.config
    counts = label_counts(prepared.cases, training)[1:].tolist()
    return {
        **settings_summary(settings, trained),
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
        **training_summary(trained),
    }
