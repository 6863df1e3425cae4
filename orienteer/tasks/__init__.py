"""The pretext tasks by the names that users call them by."""

from orienteer.tasks.base import Task
from orienteer.tasks.gap import Gap
from orienteer.tasks.route import Route
from orienteer.tasks.similarity import Similarity

TASKS: dict[str, type[Task]] = {task.name: task for task in (Gap, Similarity, Route)}
"""Every task, by name."""
