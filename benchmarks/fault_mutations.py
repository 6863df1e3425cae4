"""Mutated scans go through what a user does: finding, reading headers, preparing into a store.

A program like a user's does this in a process of its own, on a folder of many damaged scans at a time. Where it ends,
raises, or takes long, the folder is halved until the file at fault is alone. Counted are files that end the program
(crashes), take it over 10 s alone (hangs), or are neither used nor left out or failed with a reason in words (unnamed);
damage in voxels with a checksum that is used all the same (silent); and the most memory that all processes took together.
"""

import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.fault_mutants import Base, Mutant, bases, mutants
from orienteer.errors import InputError, ScanError
from orienteer.executor import Executor
from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_headers
from orienteer.scans.preparation import Preparation
from orienteer.store.prepare_folder import prepare_folder
from orienteer.worker_process import Bounds, WorkerDied

TOGETHER = 200
"""Damaged scans in one folder."""

HANG_S = 10.0
"""A file that takes longer, alone in a folder, hangs."""

PATIENCE_S = 900.0
"""Time after which the program is ended."""

EXCEPTION = re.compile(r"\b([A-Za-z_.]+(Error|Exception|Interrupt)|struct\.error|StopIteration)\b")
"""The name of a Python exception, which is no reason for a user."""


@dataclass
class Outcome:
    """What became of a folder.

    Attributes:
        used: by scan, what its array holds: scans with the same voxels have the same.
        reasons: by scan, why it is left out or failed.
        unaccounted: files that are in no count.
        rest: by folder, the files that are neither in a scan nor left out.
        counts: files by what became of them.
        seconds: for all of it.
        longest: seconds of the slowest scan while it was prepared.
        error: that ended the program, if any.
    """

    used: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    unaccounted: int = 0
    rest: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    longest: float = 0.0
    error: str = ""


def run(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Returns how many mutated scans were tried and what went wrong.

    Args:
        count: of mutated scans.
        seed: of the damages.
        folder: to work in.
    """
    sound = bases(folder / "bases")
    values: Counter[str] = Counter(dict.fromkeys(("tried", "crashes", "hangs", "unnamed", "silent"), 0))
    with Executor(taken, 1, threads=1, patience_s=0.0) as program, _Memory() as memory:
        judge = _Judge(program, sound, folder)
        batch: list[tuple[str, Mutant]] = []
        for number, mutant in enumerate(mutants(sound, count, seed)):
            batch.append((f"{number:05d}-{mutant.base}-{mutant.kind}", mutant))
            if len(batch) == TOGETHER or number + 1 == count:
                begun = time.monotonic()
                values += judge.judge(batch)
                values["tried"] += len(batch)
                done = ", ".join(f"{key} {values[key]}" for key in ("crashes", "hangs", "unnamed", "silent"))
                took = f"{time.monotonic() - begun:.0f} s, {memory.most_bytes >> 20} MB"
                print(f"  {number + 1} of {count}: {done} ({took})", flush=True)
                batch = []
    keys = ("tried", "crashes", "hangs", "unnamed", "silent", "used", "left_out", "failed", "no_scans", "reader_ended")
    return {**{key: values[key] for key in keys}, "memory_mb": memory.most_bytes >> 20}


def taken(place: tuple[Path, Path]) -> Outcome:
    """Returns what a user's program makes of a folder of scans; runs in a process of its own.

    Args:
        place: the folder of scans, and that of the store.
    """
    scans, store = place
    begun, outcome = time.monotonic(), Outcome()
    try:
        discovery = discover(scans, progress=False)
    except InputError as error:  # not one scan to use
        outcome.reasons["."] = [str(error)]
        outcome.seconds = time.monotonic() - begun
        return outcome
    reasons = outcome.reasons
    for item in discovery.left_out:
        reasons.setdefault(item.name, []).append(item.reason)
        outcome.counts["left_out"] += item.files
    for source, header in scan_headers(discovery.sources):
        if isinstance(header, ScanError):
            reasons.setdefault(source.name, []).append(f"{header.wanted}, {header.got}, {header.do}")
    with _Pauses(store) as pauses:
        report = prepare_folder(discovery, store, preparation=Preparation((2.0, 2.0, 2.0)), workers=1, progress=False)
    outcome.longest = pauses.longest
    for failure in report.failures:
        reasons.setdefault(failure.name, []).append(f"{failure.reason}, {failure.do}")
    outcome.used = dict(report.names)
    failed, twice = {failure.name for failure in report.failures}, {duplicate.name for duplicate in report.duplicates}
    for source in discovery.sources:
        kind = (
            "failed" if source.name in failed else "used" if source.name in {*outcome.used, *twice} else "unaccounted"
        )
        outcome.counts[kind] += len(source.files) + len(source.companions)
    outcome.counts["no_scans"] = sum(discovery.others.values())
    held = Counter({folder.name: sum(path.is_file() for path in folder.iterdir()) for folder in scans.iterdir()})
    files = held.total()
    for item in discovery.left_out:
        held[item.name.partition("/")[0]] -= item.files
    for source in discovery.sources:
        held[source.name.partition("/")[0]] -= len(source.files) + len(source.companions)
    outcome.rest = {name: count for name, count in held.items() if count}
    outcome.unaccounted = outcome.counts.pop("unaccounted", 0)
    outcome.unaccounted += abs(files - sum(outcome.counts.values()) - outcome.unaccounted)
    outcome.seconds = time.monotonic() - begun
    return outcome


class _Judge:
    """Writes damaged scans into a folder, lets the program take it, and finds the ones at fault."""

    def __init__(self, program: Executor[tuple[Path, Path], Outcome], sound: Sequence[Base], folder: Path) -> None:
        self.program, self.sound, self.folder = program, sound, folder
        self._warmed_up = False

    def judge(self, batch: Sequence[tuple[str, Mutant]]) -> Counter[str]:
        """Returns what went wrong with damaged scans."""
        outcome = self._outcome(batch)
        values: Counter[str] = Counter()
        late = any("not finished after" in reason for reasons in outcome.reasons.values() for reason in reasons)
        slow = late or outcome.longest > HANG_S or outcome.seconds > HANG_S + len(batch) / 2
        if outcome.error or slow:
            if len(batch) > 1:
                half = len(batch) // 2
                return self.judge(batch[:half]) + self.judge(batch[half:])
            again = self._outcome(batch)
            key = "crashes" if outcome.error and again.error else "hangs" if again.seconds > HANG_S else ""
            if key:
                values[key] += 1
                self._keep(key, batch[0], again.error or f"{again.seconds:.0f} s")
                return values
            outcome = again
        values += outcome.counts
        self._judge_words(outcome, values)
        self._judge_voxels(outcome, batch, values)
        return values

    def _judge_words(self, outcome: Outcome, values: Counter[str]) -> None:
        if outcome.unaccounted:
            values["unnamed"] += outcome.unaccounted
            print(f"  {outcome.unaccounted} files are in no count, of {outcome.rest}", flush=True)
        for name, reasons in outcome.reasons.items():
            bare = [reason for reason in reasons if not reason.strip() or EXCEPTION.search(reason)]
            if bare:
                values["unnamed"] += 1
                print(f"  unnamed: {name}: {bare[0]!r}"[:400], flush=True)
            ended = [
                reason for reason in reasons if "terminated unexpectedly" in reason or "not finished after" in reason
            ]
            if ended:
                values["reader_ended"] += 1
                print(f"  its reader ended: {name}: {ended[0]!r}"[:400], flush=True)

    def _judge_voxels(self, outcome: Outcome, batch: Sequence[tuple[str, Mutant]], values: Counter[str]) -> None:
        keys = {name.partition("/")[0]: key for name, key in outcome.used.items()}
        for name, mutant in batch:
            if mutant.checked and name in keys and keys[name] != keys[f"sound-{mutant.base}"]:
                values["silent"] += 1
                self._keep("silent", (name, mutant), "used with other voxels")

    def _outcome(self, batch: Sequence[tuple[str, Mutant]]) -> Outcome:
        scans, store = self.folder / "scans", self.folder / "store"
        if not self._warmed_up:  # the first call loads the libraries
            self._warmed_up = True
            self._outcome([])
        for old in (scans, store):
            shutil.rmtree(old, ignore_errors=True)
        items = [(f"sound-{base.name}", base.files) for base in self.sound]
        for name, files in [*items, *((name, mutant.files) for name, mutant in batch)]:
            _write(scans / name, files)
        self.program.submit((scans, store), bounds=Bounds(PATIENCE_S))
        ((_, future),) = self.program.finished(everything=True)
        try:
            return future.result()
        except WorkerDied as error:
            self._warmed_up = False
            return Outcome(error=str(error))
        except Exception as error:  # a traceback in the user's program
            return Outcome(error=f"{type(error).__name__}: {error}")

    def _keep(self, what: str, item: tuple[str, Mutant], why: str) -> None:
        """Prints what went wrong, and keeps the files outside the folder that is removed at the end."""
        name, mutant = item
        kept = self.folder.parent / "faults-kept" / what / name
        _write(kept, mutant.files)
        print(f"  {what}: {name}: {why} (kept in {kept})"[:600], flush=True)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with open(folder / name, "wb") as file:
            file.write(content)


class _Watch:
    """Looks at something again and again in a thread of its own, as long as its context lasts."""

    every = 0.2
    """Seconds between two looks."""

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._looks, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _looks(self) -> None:
        while not self._over.wait(self.every):
            self.look()

    def look(self) -> None:
        raise NotImplementedError


class _Pauses(_Watch):
    """Measures the longest time between two scans that were recorded in a store."""

    every = 0.1

    def __init__(self, store: Path) -> None:
        self.longest = 0.0
        self._store, self._begun = store, time.monotonic()
        self._state: list[tuple[str, int]] | None = None

    def look(self) -> None:
        now = [(file.name, file.stat().st_mtime_ns) for file in self._store.glob("index.sqlite") if file.is_file()]
        self.longest = max(self.longest, time.monotonic() - self._begun)
        if now != self._state:
            self._state, self._begun = now, time.monotonic()


class _Memory(_Watch):
    """Measures the most memory that the processes below this one take together, on Linux.

    Every process counts by its own peak so far, so that no short peak between two looks is missed.
    """

    most_bytes = 0

    def look(self) -> None:
        self.most_bytes = max(self.most_bytes, sum(_peaks_kb(_this_process()).values()) << 10)


def _this_process() -> int:
    return int(Path("/proc/self").resolve().name)


def _peaks_kb(root: int) -> dict[int, int]:
    """Returns the peak of the memory of each process below one, in kB. Empty where there is no ``/proc``."""
    parents, peaks = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it ended
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        parents[int(status.parent.name)] = int(fields["PPid"])
        peaks[int(status.parent.name)] = int(fields.get("VmHWM", "0 kB").split()[0])
    below = {root}
    while more := {process for process, parent in parents.items() if parent in below and process not in below}:
        below |= more
    return {process: peaks[process] for process in below - {root}}
