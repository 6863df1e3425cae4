"""Whether a run learned anything about places: what its tasks can do, without their names."""

from pathlib import Path
from typing import Any

from orienteer.runs.folder import CONFIG_FILE
from orienteer.runs.run_config import read_config
from orienteer.tasks import TASKS
from orienteer.tasks.base import Task

DO = "pretrain with the method default, which learns where things are"


def ability_warning(card: dict[str, Any], run: Path) -> tuple[str, ...]:
    """Returns what to say of an encoder that learned nothing about places; nothing for one that did, or is of unknown origin.

    Args:
        card: the contents of encoder.json.
        run: the run folder, or its encoder.safetensors.
    """
    folder = run if run.is_dir() else run.parent
    if not (folder / CONFIG_FILE).is_file():
        return ()
    tasks = read_config(folder).run_method.tasks
    if any(knows_places(TASKS[name]) for name in tasks):
        return ()
    learned = ", ".join(tasks) or "nothing"
    return (
        f"this run ({card.get('method', 'unknown method')}) learned {learned}, none of which teaches where places are: "
        f"they are found by grey values as much as by its features. {DO}",
    )


def knows_places(task: type[Task[Any, Any]]) -> bool:
    """Returns whether a task predicts gaps between places, or embeds places."""
    predicts_gaps = task.predicted_gaps is not Task.predicted_gaps
    compares = task.similar_pairs is not Task.similar_pairs
    return predicts_gaps or compares or hasattr(task, "embedded")
