"""TASKS: every pretext task by its name, and what to do instead of those that are gone."""

from typing import Any

from orienteer.tasks.base import Task
from orienteer.tasks.dense_gap import DenseGap
from orienteer.tasks.gap import Gap
from orienteer.tasks.instance_contrast import InstanceContrast
from orienteer.tasks.jigsaw import Jigsaw
from orienteer.tasks.place_contrast import PlaceContrast
from orienteer.tasks.reconstruction import Reconstruction
from orienteer.tasks.rotation import Rotation
from orienteer.tasks.route import Route
from orienteer.tasks.similarity import Similarity
from orienteer.tasks.volume_contrast import VolumeContrast

TASKS: dict[str, type[Task[Any, Any]]] = {
    task.name: task
    for task in (
        Gap,
        Similarity,
        Route,
        DenseGap,
        PlaceContrast,
        Reconstruction,
        InstanceContrast,
        VolumeContrast,
        Rotation,
        Jigsaw,
    )
}
"""Every task, by name."""

REMOVED_TASKS: dict[str, str] = {
    "orientation": "leave it out: the header reader, which every run trains, took its place. Of a run that has it, `finetune`, "
    "`embed`, `probe` and `export` use the encoder; open the rest with the version that made it",
}
"""What to do instead of a task that earlier versions had, by its name."""
