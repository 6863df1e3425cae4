"""Entries of summary.json that all fine-tunings have, and the words for where they start from."""

from typing import Any

from orienteer.finetuning.loop import Trained
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.runs.weights import SCRATCH


def start_words(settings: ResolvedFinetune) -> str:
    """Returns which encoder and weights a fine-tuning starts from, for a person."""
    start = settings.point.start
    weights = "new weights" if start == SCRATCH else f"the weights of {start}"
    return f"start: encoder '{settings.config.encoder}' with {weights}"


def settings_summary(settings: ResolvedFinetune, trained: Trained) -> dict[str, Any]:
    """Returns the settings that matter for the scores."""
    config = settings.config
    return {
        "task": config.task,
        "start": settings.point.start,
        "encoder": config.encoder,
        "fraction": config.fraction,
        "seed": config.seed,
        "schedule": config.schedule,
        "steps": trained.steps,
    }


def training_summary(trained: Trained) -> dict[str, Any]:
    """Returns how long the training took."""
    return {
        "training_seconds": round(trained.seconds, 1),
        "data_wait_share": round(trained.data_wait_share, 4),
    }
