"""A run folder that grows as a training makes it grow, from the files of a finished run."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from orienteer.locks import process_words
from orienteer.runs.run import Run


@dataclass(frozen=True)
class GrowingRun:
    """A copy of a finished run that can be put back to any moment of its training.

    Attributes:
        folder: the copy.
        whole: the finished run.
    """

    folder: Path
    whole: Path

    def at_step(self, step: int) -> None:
        """Lets the run be as far as a step: its lines, its validations and pictures until there, and its lock."""
        self.folder.mkdir(exist_ok=True)
        shutil.copy(self.whole / "config.yaml", self.folder)
        for name in ("validations", "pictures"):
            (self.folder / name).mkdir(exist_ok=True)
            for path in (self.whole / name).iterdir():
                if int(path.name[5:11]) <= step:
                    shutil.copy(path, self.folder / name)
        have = len(self._lines(self.folder))
        with open(self.folder / "metrics.jsonl", "a") as log:
            log.writelines(line for line in self._lines(self.whole)[have:] if json.loads(line)["step"] <= step)
        self.held_by(process_words(os.getpid()))

    def held_by(self, words: str | None) -> None:
        """Lets a process hold the lock, or nobody."""
        holder = self.folder / ".lock.holder"
        self.folder.mkdir(exist_ok=True)
        holder.unlink(missing_ok=True) if words is None else holder.write_text(words)

    def end(self) -> None:
        """Lets the run be finished."""
        shutil.copy(self.whole / "summary.json", self.folder)
        self.held_by(None)

    @staticmethod
    def _lines(folder: Path) -> list[str]:
        file = folder / "metrics.jsonl"
        return file.read_text().splitlines(keepends=True) if file.is_file() else []


@pytest.fixture
def growing(finished: Run, tmp_path: Path) -> GrowingRun:
    """A run that has not begun."""
    return GrowingRun(tmp_path / "run", finished.folder)
