"""Which scan belongs to which label map: a dataset.json (Decathlon or nnU-Net), or two folders with equal names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.dataset_json import Entry, Modality, on_disk, other_channel, read_dataset_json
from orienteer.scans.discover import discover
from orienteer.scans.kinds import SUFFIXES
from orienteer.scans.source import ScanSource
from orienteer.store.outcomes import Failure


@dataclass(frozen=True)
class Case:
    """A scan and its label map.

    Attributes:
        name: the scan's path without the ending; its name in tables.
        source: the scan.
        labels: file of the label map; it may be missing.
        group: patient or other group, where the data set names it.
    """

    name: str
    source: ScanSource
    labels: Path
    group: str | None = None


@dataclass(frozen=True)
class LabelledData:
    """A labelled data set before any voxel is read.

    Attributes:
        cases: sorted by name.
        classes: name of each label value, background (0) among them; None where the data do not name them.
        modality: what the data set declares, or ``auto``.
        failures: incomplete cases, with the reason.
    """

    cases: tuple[Case, ...]
    classes: dict[int, str] | None
    modality: Modality
    failures: tuple[Failure, ...]


def read_dataset(data: str | None, images: str | None, labels: str | None) -> LabelledData:
    """Returns the cases of a data set.

    Args:
        data: a dataset.json, or the folder that holds it.
        images: folder of scans, without a dataset.json.
        labels: folder of label maps, named like their scans.

    Raises:
        InputError: nothing was named, or it cannot be read.
    """
    if (data is None) == (images is None and labels is None) or (images is None) != (labels is None):
        raise InputError(
            "data",
            wanted="a dataset.json, or two folders",
            got=f"data {data}, images {images}, labels {labels}",
            do="give --data dataset.json, or --images FOLDER and --labels FOLDER",
        )
    listed = _from_folders(Path(str(images)), Path(str(labels))) if data is None else _from_json(Path(data))
    complete: dict[str, Case] = {}
    failures = list(listed.failures)
    for case in listed.cases:
        if not os.path.isfile(case.labels):
            do = "add it, or remove the scan from the data set"
            failures.append(Failure(case.name, "read", f"no label map {case.labels.name}", do))
        elif case.name in complete:
            failures.append(_twice(case, complete[case.name]))
        else:
            complete[case.name] = case
    if not complete:
        got = f"none; {failures[0].name}: {failures[0].reason}" if failures else "none"
        raise InputError("data", wanted="at least one scan with a label map", got=got, do="check the paths")
    return LabelledData(tuple(complete.values()), listed.classes, listed.modality, tuple(failures))


def _twice(case: Case, first: Case) -> Failure:
    if case.source.files != first.source.files:
        reason = f"{case.source.name} has the name of {first.source.name}"
        return Failure(case.name, "read", reason, "rename one of them, or leave one out")
    labels = (
        "" if case.labels == first.labels else f", with label maps {first.labels.name} (used) and {case.labels.name}"
    )
    return Failure(case.name, "read", f"{case.source.name} is listed twice{labels}", "keep the right entry alone")


def case_name(name: str) -> str:
    """Returns a scan's name without the ending of its format and the channel number that nnU-Net adds.

    Example:
        >>> case_name("imagesTr/la_003.nii.gz"), case_name("imagesTr/la_003_0000.nii.gz")
        ('imagesTr/la_003', 'imagesTr/la_003')
    """
    return name[: len(name) - len(ending_of(name))].removesuffix("_0000")


def ending_of(name: str) -> str:
    """Returns the ending of a scan's format, as the name has it; an empty text where it has none.

    Example:
        >>> ending_of("A.NII.GZ"), ending_of("notes.txt")
        ('.NII.GZ', '')
    """
    length = max((len(end) for end in SUFFIXES if name.lower().endswith(end)), default=0)
    return name[len(name) - length :]


def _from_json(path: Path) -> LabelledData:
    path = path / "dataset.json" if path.is_dir() else path
    description = read_dataset_json(path)
    files = [on_disk(path.parent, entry.images[0]) for entry in description.entries]
    usable, failures = [], []
    for entry, file in zip(description.entries, files, strict=True):
        problem = _problem(entry, file, files)
        if problem or file is None:
            failures.append(Failure(entry.name or case_name(entry.images[0]), "read", *problem))
        else:
            usable.append((entry, file))
    names = _case_names(path.parent, [entry for entry, _ in usable])
    cases = []
    for (entry, file), name in zip(usable, names, strict=True):
        labels = on_disk(path.parent, entry.labels) or path.parent / entry.labels
        source = ScanSource(f"{name}{ending_of(file.name)}", SUFFIXES[ending_of(file.name).lower()], (file,))
        cases.append(Case(name, source, labels, entry.group))
    return LabelledData(_sorted(cases), description.classes, description.modality, tuple(failures))


def _problem(entry: Entry, file: Path | None, listed: Sequence[Path | None]) -> tuple[str, ...]:
    """Returns why the scan of an entry cannot be used and what to do; nothing where it can."""
    if file is None:
        return "no such scan", "add it, or remove it from dataset.json"
    if len(entry.images) > 1:
        return f"{len(entry.images)} images", "list one of them: only scans of one channel are used"
    second = other_channel(file)
    if second is not None and second not in listed:  # where it is listed, the numbers are those of cases
        return f"{second.name} beside {file.name}, a second channel", "keep one: only scans of one channel are used"
    if not ending_of(file.name):
        return f"{file.name} does not end in {', '.join(SUFFIXES)}", "convert it"
    return ()


def _case_names(folder: Path, entries: Sequence[Entry]) -> list[str]:
    """Returns the name of each case: its own, or its scan's path inside the data set.

    A name identifies a case in tables. For scans outside the data set it begins below the folder that they have in common,
    so that no path of this computer is in it.
    """
    root = os.path.abspath(folder)
    places = [os.path.normpath(os.path.join(root, entry.images[0].replace("\\", "/"))) for entry in entries]
    outside = {place for place in places if not Path(place).is_relative_to(root)}
    shared = os.path.commonpath([os.path.dirname(place) for place in outside]) if outside else root
    names: dict[tuple[str | None, str], str] = {}
    taken = set[str]()
    for key in sorted(
        {(entry.name, place) for entry, place in zip(entries, places, strict=True)},
        key=lambda key: (key[0] is None, key[1] in outside, key[1]),
    ):
        name, place = key
        inner = os.path.relpath(place, shared if place in outside else root).replace(os.sep, "/")
        wanted = case_name(inner) if name is None else name
        numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
        names[key] = next(free for free in numbered if free not in taken)
        taken.add(names[key])
    return [names[entry.name, place] for entry, place in zip(entries, places, strict=True)]


def _from_folders(images: Path, labels: Path) -> LabelledData:
    if not labels.is_dir():
        raise InputError("labels", wanted="a folder of label maps", got=str(labels), do="check the path")
    scans = discover(images)
    by_name: dict[str, list[Path]] = {}
    for path in sorted(labels.rglob("*")):
        if ending_of(path.name) and os.path.isfile(path):
            by_name.setdefault(case_name(path.relative_to(labels).as_posix()), []).append(path)
    inside = labels.resolve()  # the folder of label maps may be inside that of the scans
    failures = [
        Failure(item.name, "discover", item.reason, "check the file")
        for item in scans.left_out
        if not (images / item.name).resolve().is_relative_to(inside)
    ]
    cases = []
    for source in scans.sources:
        name = case_name(source.name)
        maps = by_name.get(name, [labels / f"{name}.*"])
        maps = [path for path in maps if path == labels / source.name] or maps
        if len(maps) > 1:
            reason = f"two label maps, {maps[0].name} and {maps[1].name}"
            failures.append(Failure(name, "read", reason, "keep one of them"))
        else:
            cases.append(Case(name, source, maps[0]))
    return LabelledData(_sorted(cases), None, "auto", tuple(failures))


def _sorted(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(sorted(cases, key=lambda case: case.name))
