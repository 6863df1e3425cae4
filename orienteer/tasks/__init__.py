"""TASKS: every pretext task by its name."""

from typing import Any

from orienteer.tasks.base import Task
from orienteer.tasks.dense_gap import DenseGap
from orienteer.tasks.gap import Gap
from orienteer.tasks.instance_contrast import InstanceContrast
from orienteer.tasks.jigsaw import Jigsaw
from orienteer.tasks.orientation import OrientationTask
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
        OrientationTask,
    )
}
"""Every task, by name."""
