"""The picture that a task itself draws."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class TaskPicture:
    """What a task shows on one view set of a scan.

    Attributes:
        png: the file.
        task: the task's name.
    """

    kind: ClassVar[str] = "task"

    png: bytes
    task: str
