"""Tampers with the files of runs, models, stores and comparisons, and gives the commands that read them.

``run`` is a part of ``python -m benchmarks.faults``. Each damaged file is read by the command that needs it, in a forked
process bounded in time and memory. The command may use the file, make it anew, or refuse it by an `InputError`, which says
what to do; any other error is a traceback that a user would see. Where a file has a checksum, it is never used in silence:
what the command comes to is then what it comes to with the whole file.
"""

import json
import random
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fault_damages import damage
from benchmarks.fault_process import ended
from benchmarks.fault_uses import PARTS, WHOLE, import_everything, make_world, uses_of
from orienteer.progress import Progress, say

MEMORY_BYTES = 12 << 30
"""Address space of a process that reads a damaged file; without a damage less than a third of it is used."""

SECONDS = 60
"""Processor time after which such a process is stopped."""

WHOLE_COMMANDS = 0.1
"""Share of the damaged files that are given to the whole command; for the others, the part of it that reads is enough."""

WORDS = ("InputError: ", "ScanError: ", "DamagedFile: ", "DamagedRow: ", "TrainingStopped: ")
"""How the messages begin that tell a user what to do."""


@dataclass(frozen=True)
class Artefact:
    """A file that commands write and read.

    Attributes:
        path: below the folder of all files; a pattern, of which one file is drawn.
        uses: names of what reads it, see `fault_uses`.
        sealed: whether a checksum of it exists.
    """

    path: str
    uses: tuple[str, ...]
    sealed: bool = False


ARTEFACTS = (
    Artefact("begun/config.yaml", ("resume", "load")),
    Artefact("begun/split.json", ("resume", "load")),
    Artefact("begun/scans.json", ("resume",)),
    Artefact("begun/metrics.jsonl", ("resume", "curves")),
    Artefact("begun/environment.json", ("resume",)),
    Artefact("begun/checkpoints/last.ckpt", ("resume", "load"), sealed=True),
    Artefact("run/summary.json", ("finished",)),
    Artefact("run/MODEL_CARD.md", ("finished", "start")),
    Artefact("run/split.json", ("overlap", "store")),
    Artefact("run/encoder.json", ("start", "embed", "export")),
    Artefact("run/encoder.safetensors", ("start", "embed", "export"), sealed=True),
    Artefact("model/model.json", ("predict",)),
    Artefact("model/model.safetensors", ("predict",), sealed=True),
    Artefact("model_begun/config.yaml", ("resume fine-tuning",)),
    Artefact("model_begun/split.json", ("resume fine-tuning",)),
    Artefact("model_begun/metrics.jsonl", ("resume fine-tuning",)),
    Artefact("model_begun/checkpoints/last.ckpt", ("resume fine-tuning",), sealed=True),
    Artefact("predictions/predictions.json", ("predictions",)),
    Artefact("store/index.sqlite", ("prepare", "store")),
    Artefact("store/arrays/*/*.b2nd", ("prepare", "store"), sealed=True),
    Artefact("store/labels/*/*.b2nd", ("labels",), sealed=True),
    Artefact("comparison/cells/*.json", ("cells",)),
)


@dataclass
class Tampering:
    """What came of the damaged files.

    Attributes:
        tried: how many were used.
        tracebacks: which damage ended in an error without words, and in which.
        silent: which damage of a file with a checksum changed what came out, without a word.
        refused: how many were refused in words.
    """

    tried: int = 0
    tracebacks: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    refused: int = 0


def run(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Uses ``count`` damaged files; returns how many were used, how many ended in a traceback and how many in silence.

    Args:
        count: damaged files, over all kinds.
        seed: of the damages.
        folder: an empty folder to work in.

    Returns:
        ``tried``, ``tracebacks`` and ``silent``.

    Raises:
        RuntimeError: a command does not run with whole files.
    """
    tampering = tamper(count, seed, folder)
    say(f"{tampering.refused} of {tampering.tried} damaged files were refused in words")
    return {
        "tried": tampering.tried,
        "tracebacks": len(tampering.tracebacks),
        "silent": len(tampering.silent),
    }


def tamper(count: int, seed: int, folder: Path, artefacts: tuple[Artefact, ...] = ARTEFACTS) -> Tampering:
    """Uses ``count`` damaged files; see `run`."""
    import_everything()
    world = _World(folder)
    world.make()
    rng, tampering = random.Random(seed), Tampering()
    with Progress("tampering", count, unit="files", delay_s=0.0) as progress:
        for number in range(count):
            artefact = artefacts[number % len(artefacts)]
            _use_damaged(world, artefact, rng, tampering)
            found = {"tracebacks": float(len(tampering.tracebacks)), "silent": float(len(tampering.silent))}
            progress.advance(1, found)
    return tampering


class _World:
    """All files, which are restored before each use, and what each use comes to where they are whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._pristine, self._result = folder / "world", folder / "pristine", folder / "result.json"
        self._log = folder / "log.txt"
        self._expected: dict[str, Any] = {}

    def make(self) -> None:
        words = ended(lambda: make_world(self.folder), self._log)
        if words:
            raise RuntimeError(f"no files to damage: {words}")
        self.folder.rename(self._pristine)

    def restore(self, use: str) -> None:
        """Puts back what a use reads."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in PARTS[use]:
            shutil.copytree(self._pristine / part, self.folder / part, symlinks=True)

    def files(self, pattern: str) -> list[Path]:
        return sorted(self.folder.glob(pattern))

    def other(self, path: Path) -> Path:
        """Returns the same file of another run, or another of the same kind."""
        relative = path.relative_to(self.folder)
        twin = self._pristine / "others" / relative
        if twin.is_file():
            return twin
        others = sorted(file for file in path.parent.parent.rglob(f"*{path.suffix}") if file != path)
        return others[0] if others else path

    def used(self, use: str) -> tuple[str, Any]:
        """Returns the error of a use, in words, and what it came to."""
        self._result.unlink(missing_ok=True)
        words = ended(lambda: self._bounded(uses_of(use)), self._log)
        return words, json.loads(self._result.read_text()) if self._result.is_file() else None

    def expected(self, use: str) -> Any:
        """Returns what a use comes to with whole files."""
        if use not in self._expected:
            self.restore(use)
            words, self._expected[use] = self.used(use)
            if words:
                raise RuntimeError(f"{use} does not run with whole files: {words}")
        return self._expected[use]

    def _bounded(self, use: Callable[[Path], Any]) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        result = use(self.folder)
        self._result.write_text(json.dumps(result, default=str))


def _use_damaged(world: _World, artefact: Artefact, rng: random.Random, tampering: Tampering) -> None:
    use = rng.choice(artefact.uses)
    if use in WHOLE and rng.random() < WHOLE_COMMANDS:
        use = WHOLE[use]
    expected = world.expected(use)
    world.restore(use)
    path = rng.choice(world.files(artefact.path))
    how = damage(path, world.other(path), rng)
    words, result = world.used(use)
    tampering.tried += 1
    what = f"{path.relative_to(world.folder)} ({how}), used by {use}"
    if words.startswith(WORDS):
        tampering.refused += 1
    elif words:
        tampering.tracebacks.append(f"{what}: {words[:300]}")
        say(f"a traceback: {tampering.tracebacks[-1]}")
    elif artefact.sealed and result != expected:
        tampering.silent.append(f"{what}: other results")
        say(f"in silence: {tampering.silent[-1]}")
