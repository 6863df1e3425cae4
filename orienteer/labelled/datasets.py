"""Which scan belongs to which label map: a dataset.json (Decathlon or nnU-Net), or two folders with equal names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.scans.discover import SUFFIXES, discover
from orienteer.scans.index import Failure
from orienteer.scans.source import ScanSource

Modality = Literal["auto", "CT", "MR"]


@dataclass(frozen=True)
class Case:
    """A scan and its label map.

    Attributes:
        name: the scan's path without the ending; its name in tables.
        source: the scan.
        labels: file of the label map; it may be missing.
    """

    name: str
    source: ScanSource
    labels: Path


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
        if not case.labels.is_file():
            do = "add it, or remove the scan from the data set"
            failures.append(Failure(case.name, "read", f"no label map {case.labels.name}", do))
        elif case.name in complete:
            reason = f"{case.source.name} has the name of {complete[case.name].source.name}"
            failures.append(Failure(case.name, "read", reason, "rename one of them, or leave one out"))
        else:
            complete[case.name] = case
    if not complete:
        got = f"none; {failures[0].name}: {failures[0].reason}" if failures else "none"
        raise InputError("data", wanted="at least one scan with a label map", got=got, do="check the paths")
    return LabelledData(tuple(complete.values()), listed.classes, listed.modality, tuple(failures))


def case_name(name: str) -> str:
    """Returns a scan's name without the ending of its format and the channel number that nnU-Net adds.

    Example:
        >>> case_name("imagesTr/la_003.nii.gz"), case_name("imagesTr/la_003_0000.nii.gz")
        ('imagesTr/la_003', 'imagesTr/la_003')
    """
    suffix = max((end for end in SUFFIXES if name.lower().endswith(end)), key=len, default="")
    return name.removesuffix(name[len(name) - len(suffix) :] if suffix else "").removesuffix("_0000")


def _from_json(path: Path) -> LabelledData:
    path = path / "dataset.json" if path.is_dir() else path
    content = _read_json(path)
    channels = content.get("channel_names", content.get("modality", {}))
    if not isinstance(channels, dict) or "labels" not in content:
        raise _malformed(path, _OBJECT, "another")
    if len(channels) > 1:
        raise _malformed(path, "scans of one channel", f"{len(channels)}: {', '.join(map(str, channels.values()))}")
    pairs = _listed(path, content["training"]) if "training" in content else _nnunet_pairs(path, content)
    cases, missing = [], []
    for image, labels in pairs:
        file, name = path.parent / image, Path(image).as_posix()
        case = Case(case_name(name), _file_source(file, name), path.parent / labels)
        if file.is_file():
            cases.append(case)
        else:
            missing.append(Failure(case.name, "read", "no such scan", "add it, or remove it from dataset.json"))
    modality = _modality(next(iter(channels.values()), ""))
    return LabelledData(_sorted(cases), _classes(path, content["labels"]), modality, tuple(missing))


_OBJECT = "a JSON object with `labels`, and `training` or files in imagesTr and labelsTr"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        got = f"none that can be read ({type(error).__name__})"
        raise InputError(str(path), wanted="a dataset.json", got=got, do="check the path") from error
    if not isinstance(content, dict):
        raise _malformed(path, _OBJECT, "another")
    return content


def _listed(path: Path, rows: Any) -> list[tuple[str, str]]:
    """Returns the pairs that the Decathlon's dataset.json lists."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"image", "label"} <= set(row) for row in rows):
        raise _malformed(path, "`training` as a list of objects with `image` and `label`", "another")
    return [(_plain(row["image"]), _plain(row["label"])) for row in rows]


def _nnunet_pairs(path: Path, content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the pairs with nnU-Net's names: imagesTr/CASE_0000.END and labelsTr/CASE.END."""
    end = str(content.get("file_ending", ".nii.gz"))
    images = sorted(path.parent.joinpath("imagesTr").glob(f"*_0000{end}"))
    return [(f"imagesTr/{image.name}", f"labelsTr/{image.name.removesuffix(f'_0000{end}')}{end}") for image in images]


def _from_folders(images: Path, labels: Path) -> LabelledData:
    if not labels.is_dir():
        raise InputError("labels", wanted="a folder of label maps", got=str(labels), do="check the path")
    scans = discover(images)
    by_name: dict[str, Path] = {}
    for path in sorted(labels.rglob("*")):
        if path.is_file() and path.name.lower().endswith(tuple(SUFFIXES)):
            by_name.setdefault(case_name(path.relative_to(labels).as_posix()), path)
    missing = labels / "missing"
    cases = [Case(case_name(item.name), item, by_name.get(case_name(item.name), missing)) for item in scans.sources]
    named = [
        Case(case.name, case.source, labels / f"{case.name}.*") if case.labels == missing else case for case in cases
    ]
    inside = labels.resolve()  # the folder of label maps may be inside that of the scans
    failures = tuple(
        Failure(item.name, "discover", item.reason, "check the file")
        for item in scans.left_out
        if not (images / item.name).resolve().is_relative_to(inside)
    )
    return LabelledData(_sorted(named), None, "auto", failures)


def _classes(path: Path, labels: Any) -> dict[int, str]:
    """Returns name by value, from ``{"0": "background"}`` as from ``{"background": 0}``."""
    try:
        names = {int(key): str(value) for key, value in labels.items()}
    except (ValueError, TypeError, AttributeError):
        try:
            names = {int(value): str(key) for key, value in labels.items()}
        except (ValueError, TypeError, AttributeError):
            raise _malformed(path, "`labels` with one whole number per class", str(labels)) from None
    if "ignore" in names.values():
        raise _malformed(path, "labels without a class to ignore", "`ignore`")
    if min(names, default=-1) != 0 or len(names) < 2:
        raise _malformed(path, "`labels` with background as 0 and at least one class above it", str(labels))
    return dict(sorted(names.items()))


def _modality(declared: object) -> Modality:
    word = str(declared).upper()
    if word.startswith("CT"):
        return "CT"
    return "MR" if "MR" in word or word in ("T1", "T2", "FLAIR") else "auto"


def _file_source(file: Path, name: str) -> ScanSource:
    kind = next((kind for end, kind in SUFFIXES.items() if file.name.lower().endswith(end)), None)
    if kind is None:
        raise InputError(name, wanted=f"a scan that ends in {', '.join(SUFFIXES)}", got=file.name, do="convert it")
    return ScanSource(name, kind, (file,))


def _sorted(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(sorted(cases, key=lambda case: case.name))


def _plain(path: Any) -> str:
    return str(path[0] if isinstance(path, list) else path).removeprefix("./")


def _malformed(path: Path, wanted: str, got: str) -> InputError:
    return InputError(str(path), wanted=wanted, got=got, do="use a form that docs/finetune.md describes")
