"""What a run is doing, from its files alone: nothing is locked, and nothing is written."""

import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.locks import holder_state
from orienteer.runs.folder import CONFIG_FILE, LOCK_FILE, read_settings
from orienteer.runs.metrics_log import METRICS_FILE
from orienteer.runs.summary import SUMMARY_FILE
from orienteer.runs.validations import picture_files, read_shown, shown_steps
from orienteer.watching.curves import Curves

Doing = Literal["waiting", "preparing", "training", "ending", "finished", "stopped", "unknown"]

SETTINGS = ("method", "encoder", "steps", "batch", "views", "validate_every")
"""What the page says of a run's settings: nothing that names a place of this machine."""


@dataclass(frozen=True)
class Status:
    """What a run is doing.

    Attributes:
        doing: in one word.
        words: in a sentence.
        step: the last step with a line in metrics.jsonl.
        steps: of the whole run; None until they are known.
        age_s: seconds since the last line; None without one.
    """

    doing: Doing
    words: str
    step: int = 0
    steps: int | None = None
    age_s: float | None = None


class WatchedRun:
    """A run folder that another process may be writing. It may be used by several threads.

    Args:
        folder: the run folder; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._curves = Curves(folder / METRICS_FILE)
        self._reading = threading.Lock()
        self._version = 0
        self._read: tuple[int, dict[str, Any]] = (0, {})

    def answer(self, version: int = -1) -> dict[str, Any]:
        """Returns status, settings, curves and steps of the validations; without the last two where nothing is new.

        Args:
            version: of the answer that the page has.
        """
        with self._reading:
            self._version += self._curves.update()
            shown = sorted(set(shown_steps(self.folder)) & set(self._curves.validations))
            status = self.status()
            answer: dict[str, Any] = {"run": self.folder.resolve().name, "version": self._version, **asdict(status)}
            if version != self._version or version < 0:
                answer |= {"about": self._about(), "loss": self._curves.loss(), "metrics": self._curves.metrics()}
                answer |= {"validations": shown}
            return answer

    def status(self) -> Status:
        """Returns what the run is doing."""
        step, steps = self._curves.last_step, self._steps()
        holder = holder_state(self.folder / LOCK_FILE)
        at = f"step {step} of {steps}" if steps else f"step {step}"
        age_s = _age_s(self.folder / METRICS_FILE)

        def status(doing: Doing, words: str) -> Status:
            return Status(doing, words, step, steps, age_s)

        if not self.folder.is_dir():
            return status("waiting", "Waiting: the run folder does not exist yet.")
        if steps is None:
            return status(*_before(begun=holder in ("running", "elsewhere")))
        if holder == "running" and step >= steps:
            return status("ending", "Trained; the results are being written.")
        if holder == "running":
            return status("training", f"Training, {at}.")
        if (self.folder / SUMMARY_FILE).is_file():
            return status("finished", f"Finished after {at}.")
        if holder == "elsewhere":
            return status("unknown", f"At {at}, on another machine: from here one cannot see whether it still runs.")
        command = "pretrain" if "method" in self._settings() else "finetune"
        resume = f"Resume with: orienteer {command} --resume --out {self.folder.name}"
        return status("stopped", f"Stopped at {at}: no process is training it. {resume}")

    def validation(self, step: int) -> dict[str, Any]:
        """Returns what a validation predicted, and the names of its pictures, or of the newest that were drawn before.

        Raises:
            InputError: there is no such validation, or its file is damaged.
        """
        with self._reading:
            steps = [each for each in self._curves.validations if each <= step]
        if step not in steps:
            got = f"step {step}, at which there was none"
            raise InputError("validation", wanted="a step with a validation", got=got, do="reload the page")
        drawn = next((each for each in reversed(steps) if picture_files(self.folder, each)), step)
        pictures = {"step": drawn, "names": list(picture_files(self.folder, drawn))}
        return {**read_shown(self.folder, step), "pictures": pictures}

    def picture(self, step: int, number: int) -> Path:
        """Returns the file of a picture of a validation, by its number in the list of `validation`.

        Raises:
            InputError: there is none.
        """
        files = list(picture_files(self.folder, step).values())
        if not 0 <= number < len(files):
            raise InputError("picture", wanted=f"one of {len(files)}", got=str(number), do="reload the page")
        return files[number]

    def _steps(self) -> int | None:
        settings = self._settings()
        return settings["steps"] if isinstance(settings.get("steps"), int) else None

    def _about(self) -> dict[str, Any]:
        settings = self._settings()
        return {name: settings[name] for name in SETTINGS if isinstance(settings.get(name), (int, str))}

    def _settings(self) -> dict[str, Any]:
        """Returns the settings of the run, read again where they were written anew; none before they are written."""
        try:
            written = (self.folder / CONFIG_FILE).stat().st_mtime_ns
            if written != self._read[0]:
                self._read = written, read_settings(self.folder)
        except (OSError, InputError):
            self._read = 0, {}
        return self._read[1]


def check_watchable(folder: Path) -> None:
    """Checks that a folder is a run, or may become one.

    Raises:
        InputError: a file, a folder with other files in it, or one that nobody can make because its parent is missing.
    """
    do = "name the folder that was given to `orienteer pretrain` as --out"
    if folder.is_dir():
        names = {path.name for path in folder.iterdir()}
        if names and not names & {CONFIG_FILE, LOCK_FILE}:
            raise InputError("run", wanted="a run folder", got=f"{folder}, which holds other files", do=do)
    elif folder.exists():
        raise InputError("run", wanted="a run folder", got=f"{folder}, which is a file", do=do)
    elif not folder.resolve().parent.is_dir():
        raise InputError("run", wanted="a run folder", got=f"{folder}, whose parent folder does not exist", do=do)


def _before(begun: bool) -> tuple[Doing, str]:
    """Returns what a run does that has no config.yaml yet."""
    if begun:
        return "preparing", "Preparing the scans."
    return "waiting", "Waiting: no training has begun in this folder."


def _age_s(file: Path) -> float | None:
    try:
        return max(0.0, time.time() - file.stat().st_mtime)
    except OSError:
        return None
