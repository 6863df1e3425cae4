"""How preparing a folder of scans went."""

from dataclasses import dataclass

from orienteer.scans.index import Duplicate, Failure


@dataclass(frozen=True)
class PrepareReport:
    """How preparing a folder went.

    Attributes:
        prepared: scans prepared now.
        reused: scans that were in the store already.
        duplicates: files that hold the same scan as another file; not prepared again.
        failures: scans that could not be prepared. They are tried again at the next run.
        keys: the folder's scans in the store, sorted: what to train on.
        nbytes: bytes on disk of these scans.
        seconds: time it took.
    """

    prepared: int
    reused: int
    duplicates: tuple[Duplicate, ...]
    failures: tuple[Failure, ...]
    keys: tuple[str, ...]
    nbytes: int
    seconds: float

    def __str__(self) -> str:
        lines = [
            f"{len(self.keys)} scans ready ({self.prepared} prepared now, {self.reused} already there), "
            f"{self.nbytes / 1e6:.1f} MB, {self.seconds:.1f} s; {len(self.failures)} failed, "
            f"{len(self.duplicates)} duplicates"
        ]
        lines += [f"  failed: {item.name} ({item.step}): {item.reason}. Do this: {item.do}." for item in self.failures]
        lines += [f"  duplicate: {item.name} holds the same scan as {item.original}" for item in self.duplicates]
        return "\n".join(lines)
