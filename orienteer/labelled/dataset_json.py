"""dataset.json of a labelled data set: the Medical Segmentation Decathlon's, and nnU-Net's in its three forms."""

import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.progress import say
from orienteer.scans.kinds import SUFFIXES

Modality = Literal["auto", "CT", "MR"]

MOST_CLASSES, HIGHEST_VALUE = 256, 65_535
"""Classes of a data set, and the highest value of one in a label map."""

GROUPS = ("patient", "group")
"""Keys of a case, and columns of a table, that say which patient or other group it belongs to. The first that has a value
counts: a column called group may as well hold the arm of a study."""

_FORM = "a JSON object with `labels`, and `training`, `dataset` or files in imagesTr and labelsTr"


@dataclass(frozen=True)
class Entry:
    """A case as a dataset.json lists it.

    Attributes:
        images: paths of the scan's channels; one can be used.
        labels: path of the label map.
        name: of the case, where it has one of its own.
        group: patient or other group, where it is named.
    """

    images: tuple[str, ...]
    labels: str
    name: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Description:
    """What a dataset.json says.

    Attributes:
        entries: the cases.
        classes: name by label value, background first.
        modality: what it declares, or ``auto``.
    """

    entries: tuple[Entry, ...]
    classes: dict[int, str]
    modality: Modality


def read_dataset_json(path: Path) -> Description:
    """Returns what a dataset.json says.

    Raises:
        InputError: it cannot be read, has another form, or describes scans of several channels.
    """
    content = read_json(path, wanted="a dataset.json", do="correct it, or check the path")
    if "labels" not in content:
        raise malformed(path, _FORM, f"one with {', '.join(map(str, content))[:80] or 'nothing'}")
    channels = _channels(path, content.get("channel_names", content.get("modality", ())))
    if len(channels) > 1:
        raise malformed(path, "scans of one channel", f"{len(channels)}: {', '.join(channels)}")
    if "dataset" in content:
        entries = list(_explicit(path, content["dataset"]))
    elif "training" in content:
        entries = list(_listed(path, content["training"]))
    else:
        entries = list(_in_folders(path, str(content.get("file_ending", ".nii.gz"))))
    promised = content.get("numTraining")
    if isinstance(promised, int) and promised != len(entries):
        say(f"note: {path} promises {promised} cases (numTraining) and lists {len(entries)}; these are used")
    return Description(tuple(entries), _classes(path, content["labels"]), _modality("".join(channels[:1])))


def on_disk(folder: Path, path: str) -> Path | None:
    """Returns the file that a path in a dataset.json stands for; None where there is none.

    nnU-Net's first version lists ``la_003.nii.gz`` for the file ``la_003_0000.nii.gz``. Files written on Windows have other
    separators, and those of a Mac other forms of accents; nnU-Net takes variables of the environment.
    """
    for text in dict.fromkeys((path, path.replace("\\", "/"), os.path.expandvars(path))):
        for form in (None, "NFC", "NFD"):  # as written first: both forms may exist, of two scans
            name = unicodedata.normalize(form, text) if form else text
            for candidate in (name, _with_channel(name)):
                if os.path.isfile(folder / candidate):  # False, too, for names that no disk takes
                    return folder / candidate
    return None


def other_channel(file: Path) -> Path | None:
    """Returns nnU-Net's second channel of a scan, where it lies beside the first."""
    second = file.with_name(file.name.replace("_0000.", "_0001."))
    return second if second != file and os.path.isfile(second) else None


def malformed(path: Path, wanted: str, got: str) -> InputError:
    """Returns the error for a data set in a form that cannot be used."""
    return InputError(str(path), wanted=wanted, got=got, do="use a form that docs/finetune.md describes")


def group_of(row: Mapping[str, Any]) -> str | None:
    """Returns the patient or other group that a case names; None where it names none.

    Example:
        >>> group_of({"group": "controls", "patient": 17}), group_of({"patient": " "})
        ('17', None)
    """
    values = (str(row[key]).strip() for key in GROUPS if row.get(key) is not None)
    return next((value for value in values if value), None)


def _listed(path: Path, rows: Any) -> Iterator[Entry]:
    """Yields the pairs of the Decathlon, and of nnU-Net's first version."""
    wanted = "`training` as a list of objects with `image` and `label`"
    if not isinstance(rows, list):
        raise malformed(path, wanted, _kind(rows))
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not {"image", "label"} <= set(row):
            raise malformed(path, wanted, f"{_kind(row)} as number {number}")
        images = row["image"] if isinstance(row["image"], list) else [row["image"]]
        yield _entry(path, images, row["label"], None, row)


def _explicit(path: Path, cases: Any) -> Iterator[Entry]:
    """Yields the cases of nnU-Net's key ``dataset``: lists of image files, and a label file, anywhere on the disk."""
    wanted = "`dataset` as a table of cases with `images` and `label`"
    if not isinstance(cases, dict):
        raise malformed(path, wanted, _kind(cases))
    for name, row in cases.items():
        if not isinstance(row, dict) or not isinstance(row.get("images"), list) or "label" not in row:
            raise malformed(path, wanted, f"{_kind(row)} for {name!r}")
        yield _entry(path, row["images"], row["label"], name, row)


def _entry(path: Path, images: Sequence[Any], labels: Any, name: str | None, row: Mapping[str, Any]) -> Entry:
    for text in (*images, labels):
        if not isinstance(text, str) or not text:
            raise malformed(path, "paths as texts", _kind(text) if text != "" else "an empty text")
    if not images:
        raise malformed(path, "at least one image for each case", f"none for {name or labels}")
    group = group_of(row)
    return Entry(tuple(image.removeprefix("./") for image in images), labels.removeprefix("./"), name, group)


def _in_folders(path: Path, end: str) -> Iterator[Entry]:
    """Yields the pairs of nnU-Net's second version: imagesTr/CASE_0000.END and labelsTr/CASE.END."""
    folder, last = path.parent / "imagesTr", f"_0000{end}"
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if name.endswith(last):
            yield Entry((f"imagesTr/{name}",), f"labelsTr/{name.removesuffix(last)}{end}")


def _classes(path: Path, labels: Any) -> dict[int, str]:
    """Returns name by value, from ``{"0": "background"}`` as from ``{"background": 0}``."""
    if not isinstance(labels, dict):
        raise malformed(path, "`labels` as a table of names and values", _kind(labels))
    pairs = [(_whole(key), str(name)) for key, name in labels.items()]
    if any(value is None for value, _ in pairs):
        pairs = [(_whole(value), str(name)) for name, value in labels.items()]
    odd = next((name for value, name in pairs if value is None), None)
    if odd is not None:
        raise malformed(path, "`labels` with one whole number per class", f"{labels.get(odd, odd)!r} for {odd!r}")
    by_value = dict(sorted((value, name.strip()) for value, name in pairs if value is not None))
    if "ignore" in by_value.values():
        raise malformed(path, "labels without a class to ignore", "`ignore`")
    if min(by_value, default=-1) != 0 or len(by_value) < 2:
        raise malformed(path, "`labels` with background as 0 and at least one class above it", str(labels)[:80])
    for words, given in (("value", [str(value) for value, _ in pairs]), ("name", list(by_value.values()))):
        if len(set(given)) < len(given):
            twice = next(item for item in given if given.count(item) > 1)
            raise malformed(path, f"`labels` with another {words} for each class", f"'{twice}' twice")
    check_class_values(str(path), by_value)
    return by_value


def check_class_values(what: str, values: Sequence[int] | Mapping[int, str]) -> None:
    """Stops where label maps cannot hold the values of the classes.

    Raises:
        InputError: too many classes, or a value that is too high.
    """
    if len(values) > MOST_CLASSES or max(values) > HIGHEST_VALUE:
        wanted = f"at most {MOST_CLASSES} classes with values up to {HIGHEST_VALUE}"
        got = f"{len(values)} classes, the highest value {max(values)}"
        raise InputError(what, wanted=wanted, got=got, do="give classes smaller values, or leave some out")


def _whole(value: object) -> int | None:
    """Returns a label value, a whole number that may be written as text; None for anything else."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _channels(path: Path, channels: Any) -> list[str]:
    if isinstance(channels, dict):
        return [str(name) for name in channels.values()]
    if isinstance(channels, str):
        return [channels]
    if isinstance(channels, list | tuple):
        return [str(name) for name in channels]
    raise malformed(path, "`channel_names` as a table of names", _kind(channels))


def _modality(declared: str) -> Modality:
    word = declared.upper()
    if word.startswith("CT"):
        return "CT"
    return "MR" if "MR" in word or word in ("T1", "T2", "FLAIR") else "auto"


def _with_channel(name: str) -> str:
    """Returns a file name with the number of nnU-Net's first channel."""
    end = max((end for end in SUFFIXES if name.lower().endswith(end)), key=len, default="")
    return f"{name[: len(name) - len(end)]}_0000{name[len(name) - len(end) :]}"


def _kind(value: object) -> str:
    names = {dict: "a table", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), str(value)[:40])
