"""Test scans that the encoder was pretrained on: the same files, by content, whatever they are called."""

from collections.abc import Iterator, Mapping, Sequence

from orienteer.labelled.overlap_contents import pretraining_contents
from orienteer.labelled.overlap_patients import patients_seen, same_labels
from orienteer.scans.source import ScanSource


def overlap_warning(
    start: str | None,
    test: Mapping[str, str],
    seen: Sequence[str] | None,
    sources: Mapping[str, ScanSource] | None = None,
) -> str:
    """Returns a warning about test scans, or other scans of their patients, that were seen in pretraining.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
        seen: names of those that pretraining saw; None where it cannot be determined.
        sources: files of the test scans by name, whose headers and paths may say whose scans they are.

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
    kin = patients_seen(start, test, sources)
    labels = {name: label for name, label in same_labels(start, test, sources).items() if name not in kin}
    return "\n".join(_warnings(start, test, seen, kin, labels))


def _warnings(
    start: str | None, test: Mapping[str, str], seen: Sequence[str], kin: Sequence[str], labels: Mapping[str, str]
) -> Iterator[str]:
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
    if labels:
        first, label = next(iter(labels.items()))
        yield (
            f"WARNING: {len(labels)} of {len(test)} test scans are labelled like patients of the pretraining of {start}, first "
            f"{label} of {first}.\nDo this: if both are of one data set, pretrain without these patients (--exclude), or test "
            "on others."
        )


def seen_before(start: str | None, test: Mapping[str, str]) -> list[str] | None:
    """Returns the names of test scans that the weights' pretraining saw; None where it cannot be determined.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
    """
    contents = pretraining_contents(start)
    return None if contents is None else sorted(name for name, content in test.items() if content in contents)
