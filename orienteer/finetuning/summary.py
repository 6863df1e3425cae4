"""Entries of summary.json that all fine-tunings have, and the words for where they start from."""

from pathlib import Path
from typing import Any

from orienteer.finetuning.loop import Trained
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.runs.weights import SCRATCH


def start_words(settings: ResolvedFinetune) -> str:
    """Returns which encoder and weights a fine-tuning starts from, for a person."""
    start = settings.point.start
    weights = "new weights" if start == SCRATCH else f"the weights of {start}"
    return f"start: encoder '{settings.config.encoder}' with {weights}"


def start_name(start: str) -> str:
    """Returns the name of the weights that a fine-tuning starts from, without the folders of this machine.

    Example:
        >>> [start_name(start) for start in ("scratch", "/data/runs/ct", "/data/runs/ct/encoder.safetensors")]
        ['scratch', 'ct', 'ct/encoder.safetensors']
    """
    path = Path(start)
    return f"{path.parent.name}/{path.name}" if path.suffix == ".safetensors" else path.name


def settings_summary(settings: ResolvedFinetune, trained: Trained) -> dict[str, Any]:
    """Returns the settings that matter for the scores."""
    config = settings.config
    return {
        "task": config.task,
        "start": start_name(settings.point.start),
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
