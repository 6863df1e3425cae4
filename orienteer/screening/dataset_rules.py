"""Rules about a dataset.json: what it lists and is not there, what is there and not listed, labels of another geometry."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from orienteer.errors import InputError
from orienteer.labelled.dataset_json import Description, on_disk, read_dataset_json
from orienteer.labelled.datasets import ending_of
from orienteer.labelled.grids import differs, source_geometry
from orienteer.scans.apart import Reading, each_apart
from orienteer.scans.kinds import SUFFIXES
from orienteer.scans.source import Discovery, ScanSource
from orienteer.screening.findings import Finding

FILE = "dataset.json"


class Pair(NamedTuple):
    """A scan and its label map on disk, and the scan's name in the collection."""

    name: str
    image: Path
    labels: Path


def dataset_findings(root: Path, discovery: Discovery) -> tuple[list[Finding], str | None]:
    """Returns what is wrong with the dataset.json of a folder or of its subfolders, and the modality that the first declares.

    Args:
        root: the folder.
        discovery: its scans.
    """
    findings: list[Finding] = []
    declared = None
    files = [file for file in (root / FILE, *sorted(root.glob(f"*/{FILE}"))) if file.is_file()]
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            description = read_dataset_json(file)
        except InputError as error:
            findings.append(
                Finding(name, "unreadable", "error", f"wanted {error.wanted}, got {error.got}", do=error.do)
            )
            continue
        if file.parent == root and description.modality in ("CT", "MR"):
            declared = description.modality
        findings += _findings(root, file.parent, name, description, discovery)
    return findings, declared


def _findings(root: Path, folder: Path, name: str, description: Description, discovery: Discovery) -> Iterator[Finding]:
    pairs, listed = [], set[Path]()
    for entry in description.entries:
        image, labels = on_disk(folder, entry.images[0]), on_disk(folder, entry.labels)
        listed |= {each.resolve() for each in (image,) if each is not None}
        shown = _shown(root, image) if image is not None else entry.images[0]
        if image is None:
            yield Finding(
                shown,
                "label_missing",
                "error",
                f"{name} lists it, but there is no such scan",
                do="add it, or remove the entry",
            )
        elif labels is None:
            yield Finding(
                shown,
                "label_missing",
                "error",
                f"no label map {entry.labels}, which {name} lists",
                do="add it, or remove the entry",
            )
        else:
            pairs.append(Pair(shown, image, labels))
    yield from _other_geometry(pairs)
    folders = {path.parent for path in listed}
    for source in discovery.sources:
        path = source.files[0].resolve()
        if listed and path not in listed and path.parent in folders:
            what, do = f"it lies among the scans that {name} lists, and is not listed", "list it, or move it elsewhere"
            yield Finding(source.name, "label_missing", "warning", what, do=do)


def _other_geometry(pairs: Sequence[Pair]) -> Iterator[Finding]:
    readings = [Reading(pair.name, (pair.image, pair.labels), (pair,)) for pair in pairs]
    for pair, outcome in zip(pairs, each_apart(difference, readings), strict=True):
        if isinstance(outcome, InputError | OSError):
            continue  # named where the scan is read
        if outcome:
            what = f"{pair.labels.name}: {outcome}"
            do = "check that the two belong together, or resample the labels onto the scan"
            yield Finding(pair.name, "label_geometry", "error", what, do=do)


def difference(pair: Pair) -> str:
    """Returns how the places of a label map differ from those of its image, in words; an empty text if they do not."""
    image, labels = (_source(path) for path in (pair.image, pair.labels))
    return differs(source_geometry(labels), source_geometry(image)) or ""


def _source(path: Path) -> ScanSource:
    return ScanSource(path.name, SUFFIXES.get(ending_of(path.name).lower(), "NIfTI"), (path,))


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
