"""Run: what `pretrain` and `finetune` return."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: the run folder.
        summary: the content of its summary.json.
    """

    folder: Path
    summary: dict[str, Any]
