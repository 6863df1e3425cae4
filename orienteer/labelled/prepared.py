"""Scans of a folder, prepared for an encoder and found again by the names that the folder gives them."""

from dataclasses import dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.scans.content import contents
from orienteer.scans.index import Failure, FileState, Index
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare import prepare, scan_key
from orienteer.scans.source import Discovery, Selection


@dataclass(frozen=True)
class PreparedScans:
    """What became of a folder's scans.

    Attributes:
        keys: key in the store by name in the folder, sorted by name. A scan that lies there twice has two names.
        failures: scans that cannot be used, with the reason.
    """

    keys: dict[str, str]
    failures: tuple[Failure, ...]


def prepare_named(
    discovery: Discovery,
    store: str | Path,
    preparation: Preparation,
    selection: Selection | None = None,
    workers: int | None = None,
    shown: bool = True,
) -> PreparedScans:
    """Prepares scans into a store and returns the key of each by name.

    The store knows a scan by its content, under the name that it was first seen by, perhaps in another folder.

    Raises:
        InputError: no scan at all can be used.
    """
    selection = selection or Selection()
    report = prepare(discovery, store, selection, preparation, workers, progress=shown)
    ready, failed = set(report.keys), {failure.name for failure in report.failures}
    keys = {}
    with Index.for_reading(Path(store)) as index:
        for source, content in contents(discovery.sources, _Remembered(index)):
            if source.name in failed or isinstance(content, OSError):
                continue
            key = scan_key(content.hash, source, selection, preparation.fingerprint())
            if key in ready:
                keys[source.name] = key
    if not keys:
        first = report.failures[0]
        raise InputError(
            "scans",
            wanted="at least one that can be used",
            got=f"{len(failed)} that cannot; {first.name}: {first.reason}",
            do=first.do,
        )
    return PreparedScans(dict(sorted(keys.items())), report.failures)


def failures_text(failures: tuple[Failure, ...], most: int = 5) -> str:
    """Returns the scans that cannot be used, counted and named, one a line; nothing where there are none.

    Example:
        >>> print(failures_text((Failure("a.nii", "read", "an empty file", "copy it again"),)))
        1 scan cannot be used:
          a.nii (read): an empty file. Do this: copy it again.
    """
    if not failures:
        return ""
    lines = [f"{len(failures)} {'scan' if len(failures) == 1 else 'scans'} cannot be used:"]
    lines += [
        f"  {item.name} ({item.step}): {item.reason}. Do this: {item.do.rstrip('.')}." for item in failures[:most]
    ]
    return "\n".join(lines + ([f"  ... and {len(failures) - most} more"] if len(failures) > most else []))


class _Remembered(Index):
    """An index that looks up hashes and writes down none."""

    def __init__(self, index: Index) -> None:
        super().__init__(index._connection)

    def add_content(self, path: Path, state: FileState, content: str) -> None:
        """Keeps nothing: the store is another process's to write."""
