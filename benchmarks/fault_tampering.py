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
import signal
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fault_damages import damage
from benchmarks.fault_process import ended
from benchmarks.fault_uses import PARTS, WHOLE, WRITING, import_everything, make_world, uses_of
from orienteer.progress import Progress, say

MEMORY_BYTES = 12 << 30
"""Address space of a process that reads a damaged file; without a damage less than a third of it is used."""

SECONDS = 60
"""Processor time after which such a process is stopped."""

WHOLE_COMMANDS = 0.05
"""Share of the damaged files that are given to the whole command; for the others, the part of it that reads is enough."""

AT_A_TIME = 24
"""Damaged files for each process."""

GONE = ("gone", "a folder", "a dangling link")
"""Damages after which there is nothing to read: the whole command shows whether it makes the file anew."""

WORDS = ("InputError: ", "ScanError: ", "DamagedFile: ", "DamagedRow: ", "TrainingStopped: ", "NotWritten: ")
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
    Artefact("run/error_bars.json", ("finished",)),
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
        silent: which damage of a file with a checksum changed the results silently.
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
    world, trials, tampering = _World(folder), _trials(count, seed, artefacts), Tampering()
    world.make({part for trial in trials for part in PARTS[trial.use]})
    for use in sorted({trial.use for trial in trials}):
        world.expected(use)
    with Progress("tampering", count, unit="files", delay_s=0.0) as progress:
        while trials:
            done = world.try_all(trials[:AT_A_TIME])
            for trial, (what, words, same) in zip(trials, done, strict=False):
                _record(trial, what, words, same, tampering)
            trials = trials[len(done) :]
            found = {"tracebacks": float(len(tampering.tracebacks)), "silent": float(len(tampering.silent))}
            progress.advance(len(done), found)
    return tampering


@dataclass(frozen=True)
class _Trial:
    artefact: Artefact
    use: str
    seed: str


def _trials(count: int, seed: int, artefacts: tuple[Artefact, ...]) -> list[_Trial]:
    rng, trials = random.Random(seed), []
    for number in range(count):
        artefact = artefacts[number % len(artefacts)]
        use = rng.choice(artefact.uses)
        whole = use in WHOLE and rng.random() < WHOLE_COMMANDS
        trials.append(_Trial(artefact, WHOLE[use] if whole else use, f"{seed}/{number}"))
    return trials


def _record(trial: _Trial, what: str, words: str, same: bool, tampering: Tampering) -> None:
    tampering.tried += 1
    if words.startswith(WORDS):
        tampering.refused += 1
    elif words:
        tampering.tracebacks.append(f"{what}: {words[:300]}")
        say(f"a traceback: {tampering.tracebacks[-1]}")
    elif trial.artefact.sealed and not same:
        tampering.silent.append(f"{what}: other results")
        say(f"in silence: {tampering.silent[-1]}")


class _World:
    """All files, which are restored after each use, and what each use comes to where they are whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._pristine, self._results = folder / "world", folder / "pristine", folder / "results.jsonl"
        self._log = folder / "log.txt"
        self._expected: dict[str, Any] = {}

    def make(self, parts: Collection[str]) -> None:
        words = ended(lambda: make_world(self.folder, parts), self._log)
        if words:
            raise RuntimeError(f"no files to damage: {words}")
        self.folder.rename(self._pristine)
        shutil.copytree(self._pristine, self.folder, symlinks=True)

    def expected(self, use: str) -> None:
        """Finds out what a use comes to with whole files."""
        words = ended(lambda: self._results.write_text(json.dumps(uses_of(use)(self.folder), default=str)), self._log)
        if words:
            raise RuntimeError(f"{use} does not run with whole files: {words}")
        self._expected[use] = json.loads(self._results.read_text())
        self._restore(use)

    def try_all(self, trials: Sequence[_Trial]) -> list[tuple[str, str, bool]]:
        """Returns what was damaged, the error in words, and whether all came out the same, of the trials that were made.

        A trial that ends its process is the last one.
        """
        self._results.write_text("")
        words = ended(lambda: [self._try(trial) for trial in trials], self._log)
        lines = [json.loads(line) for line in self._results.read_text().splitlines()]
        done = [(line["what"], line["words"], line["same"]) for line in lines if "words" in line]
        begun = [line["what"] for line in lines if "words" not in line]
        for use in {trial.use for trial in trials[len(done) : len(begun)]}:
            self._restore(use)
        return done + [(what, words, False) for what in begun[len(done) :]]

    def _try(self, trial: _Trial) -> None:
        """Damages a file, uses it and puts it back, in a forked process."""
        rng = random.Random(trial.seed)
        path = rng.choice(sorted(self.folder.glob(trial.artefact.path)))
        how = damage(path, self._other(path), rng)
        what = f"{path.relative_to(self.folder)} ({how}), used by {trial.use}"
        gone = how in (*GONE, "another's") and trial.use in WHOLE  # what is whole, and another's, the command tells
        use = WHOLE[trial.use] if gone and WHOLE[trial.use] in self._expected else trial.use
        self._note({"what": what})
        _bound()
        words, same = "", False
        try:
            same = json.loads(json.dumps(uses_of(use)(self.folder), default=str)) == self._expected[use]
        except BaseException as error:
            traceback.print_exc()
            words = f"{type(error).__name__}: {error}"
        if gone and not words and use not in WRITING:
            same = True  # there is nothing to read; what a whole command makes of it is tried in other trials
        self._note({"what": what, "words": words, "same": same})
        self._put_back(path)
        if use in WRITING:
            self._restore(use)

    def _note(self, line: dict[str, Any]) -> None:
        with self._results.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _other(self, path: Path) -> Path:
        """Returns the same file of another run, or another of the same kind."""
        twin = self._pristine / "others" / path.relative_to(self.folder)
        others = sorted(file for file in path.parent.parent.rglob(f"*{path.suffix}") if file != path)
        return twin if twin.is_file() else others[0] if others else path

    def _put_back(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        shutil.copy2(self._pristine / path.relative_to(self.folder), path)

    def _restore(self, use: str) -> None:
        """Puts back all that a use may have written."""
        for part in (*PARTS[use], "out", "exported", "vectors.npy", "vectors.json"):
            place = self.folder / part
            shutil.rmtree(place, ignore_errors=True)
            place.unlink(missing_ok=True)
            if (self._pristine / part).is_dir():
                shutil.copytree(self._pristine / part, place, symlinks=True)


def _bound() -> None:
    """Bounds the next use in time and memory; beyond it the process is ended."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(spent.ru_utime + spent.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    signal.alarm(10 * SECONDS)
