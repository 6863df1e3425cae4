"""Test scans that the encoder was pretrained on: the same files, by content, whatever they are called."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orienteer.runs.folder import read_settings
from orienteer.runs.split import read_split_contents
from orienteer.runs.weights import SCRATCH
from orienteer.store.store import Store


def pretraining_contents(start: str | None) -> set[str] | None:
    """Returns the content hashes of all scans that a run was trained or validated on.

    Args:
        start: a run folder, a weights file in one, or ``scratch``.

    Returns:
        An empty set for ``scratch``; None where it cannot be determined: weights without their run folder, or a run of an
        older version whose store is missing.
    """
    if start in (None, SCRATCH):
        return set()
    path = Path(str(start))
    folder = path if path.is_dir() else path.parent
    try:
        contents = read_split_contents(folder)
        known = {content for content in contents.values() if content is not None}
        unknown = [key for key, content in contents.items() if content is None]
        if unknown:
            with Store.open(read_settings(folder).get("store") or "") as store:
                known |= {store.scan(key).content for key in unknown}
        return known
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # missing, or damaged in any way
        return None


def overlap_warning(start: str | None, test: Mapping[str, str], seen: Sequence[str] | None) -> str:
    """Returns a warning about test scans, or other scans of their patients, that were seen in pretraining.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
        seen: names of those that pretraining saw; None where it cannot be determined.

    Returns:
        An empty text where there are none.

    Example:
        >>> overlap_warning("runs/ct", {"a": "1", "b": "2"}, ["a"]).splitlines()[0]
        'WARNING: 1 of 2 test scans were in the pretraining of runs/ct, first a.'
    """
    if seen is None:
        return (
            f"note: whether test scans were in the pretraining of {start} cannot be determined: "
            "its split.json or its store is missing"
        )
    return "\n".join(_warnings(start, test, seen, patients_seen(start, test)))


def patients_seen(start: str | None, test: Mapping[str, str]) -> list[str]:
    """Returns the names of test scans of whose patients the pretraining saw other scans, and not these.

    This is known for DICOM scans that lie in the store of the pretraining too.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
    """
    contents = pretraining_contents(start)
    if not contents:
        return []
    path = Path(str(start))
    try:
        with Store.open(read_settings(path if path.is_dir() else path.parent).get("store") or "") as store:
            patients = {store.patient(content) for content in contents} - {None, ""}
            others = {name: content for name, content in test.items() if content not in contents}
            return sorted(name for name, content in others.items() if store.patient(content) in patients)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # missing, or damaged in any way
        return []


def _warnings(start: str | None, test: Mapping[str, str], seen: Sequence[str], kin: Sequence[str]) -> Iterator[str]:
    if seen:
        yield (
            f"WARNING: {len(seen)} of {len(test)} test scans were in the pretraining of {start}, first {seen[0]}.\n"
            "The encoder has seen them, without labels: their scores are higher than those of new scans would be.\n"
            "Do this: pretrain without them (--exclude), or test on other cases."
        )
    if kin:
        yield (
            f"WARNING: {len(kin)} of {len(test)} test scans are of patients of whom other scans were in the pretraining of "
            f"{start}, first {kin[0]}.\nDo this: pretrain without these patients (--exclude), or test on others."
        )


def seen_before(start: str | None, test: Mapping[str, str]) -> list[str] | None:
    """Returns the names of test scans that the weights' pretraining saw; None where it cannot be determined.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
    """
    contents = pretraining_contents(start)
    return None if contents is None else sorted(name for name, content in test.items() if content in contents)
