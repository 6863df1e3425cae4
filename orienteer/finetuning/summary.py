"""Entries of summary.json that all fine-tunings have, and the words for where they start from."""

from pathlib import Path
from typing import Any

from orienteer.finetuning.loop import Trained
from orienteer.finetuning.resolved import ResolvedFinetune
from orienteer.progress import say
from orienteer.runs.hub import is_address
from orienteer.runs.run import Run
from orienteer.runs.summary import write_summary
from orienteer.runs.weights import SCRATCH


def start_words(settings: ResolvedFinetune) -> str:
    """Returns which encoder and weights a fine-tuning starts from, for a person."""
    start = settings.point.start
    weights = "new weights" if start == SCRATCH else f"the weights of {start}"
    words = f"start: encoder '{settings.config.encoder}' with {weights}"
    adopted = settings.point.adopted
    return words if adopted is None else f"{words}\n{adopted}"


def finish(folder: Path, summary: dict[str, Any], scores: str, holds: str, warning: str) -> Run:
    """Writes the summary of a fine-tuning, says its scores and where they are, and returns the run.

    Args:
        scores: the table of the scores; empty where nothing was tested.
        holds: what the folder holds.
        warning: about the scores, said once more beside them; empty for none.
    """
    write_summary(folder, summary)
    say("\n".join(filter(None, (f"\n{scores}\n" if scores else "", f"{holds} are in {folder}", warning))))
    return Run(folder, summary)


def start_name(start: str) -> str:
    """Returns the name of the weights that a fine-tuning starts from, without the folders of this machine.

    Example:
        >>> [start_name(start) for start in ("scratch", "/data/runs/ct", "/data/ct/encoder.safetensors", "hf://user/ct")]
        ['scratch', 'ct', 'ct/encoder.safetensors', 'hf://user/ct']
    """
    if is_address(start):
        return start
    path = Path(start)
    return f"{path.parent.name}/{path.name}" if path.suffix == ".safetensors" else path.name


def settings_summary(settings: ResolvedFinetune, trained: Trained) -> dict[str, Any]:
    """Returns the settings that matter for the scores."""
    config, adopted = settings.config, settings.point.adopted
    return {
        "task": config.task,
        "start": start_name(settings.point.start),
        **({} if adopted is None else {"start_report": adopted.counts()}),
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
