"""Data sets that somebody else made up: entries that are absolute, lead out, or have names that files should not have."""

import hashlib
import json
import os
import shutil
import unicodedata
from pathlib import Path

from tests.helpers.labelled import write_case

NAMES = (
    "plain",
    "PLAIN",
    "new\nline",
    "back\rspace\x08",
    "\x1b]0;title\x07\x1b[2J",
    "tab\tbed",
    "-rf",
    "--out=x",
    "=cmd()",
    "+1+1",
    "@SUM(A1)",
    "...",
    ". ",
    " ",
    ".hidden",
    "windows\\..\\..\\up",
    "C:\\data\\scan",
    "con",
    'a:b*c?d|e<f>"g',
    "$(touch x)",
    "`touch x`",
    "$HOME",
    "%s%n%d",
    "x" * 240,
    "é" * 110,
    unicodedata.normalize("NFC", "Müller"),
    unicodedata.normalize("NFD", "Müller"),
    "gpj\u202e",
    "a$\\frac{b$c",
    "_hidden_in_a_legend",
    "predictions.json",
    "summary.json",
    "case_0.nii.gz",
    "‮\u2066x",
)
"""Names without a slash that a file may have on Linux."""


def write_hostile_names(folder: Path) -> list[str]:
    """Writes a scan and a label map under every name of `NAMES`, and returns their file names."""
    for seed, name in enumerate(NAMES):
        write_case(folder / "first", "a.nii.gz", seed)
        for kind in ("imagesTr", "labelsTr"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            shutil.move(folder / "first" / kind / "a.nii.gz", folder / kind / f"{name}.nii.gz")
    shutil.rmtree(folder / "first")
    return [f"{name}.nii.gz" for name in NAMES]


def write_hostile_places(folder: Path) -> list[tuple[str, str]]:
    """Writes a data set in ``folder/data`` and scans around it, and returns entries of scan and label map that lead out."""
    data, outside = folder / "data", folder / "outside"
    for seed, place in enumerate((data, data / "sub", outside, outside / "labels", outside / ".hidden", folder)):
        write_case(place, "scan.nii.gz", seed)
    write_case(outside, "victim.nii.gz", 6)
    (data / "linked").symlink_to(outside / "imagesTr")
    (data / "linked_labels").symlink_to(outside / "labelsTr")
    (data / "link.nii.gz").symlink_to(outside / "imagesTr/victim.nii.gz")
    absolute = os.path.abspath(outside)
    return [
        (f"{absolute}/imagesTr/scan.nii.gz", f"{absolute}/labelsTr/scan.nii.gz"),
        ("../outside/imagesTr/victim.nii.gz", "../outside/labelsTr/victim.nii.gz"),
        ("../imagesTr/scan.nii.gz", "../labelsTr/scan.nii.gz"),
        ("../data/../outside/labels/imagesTr/scan.nii.gz", "../outside/labels/labelsTr/scan.nii.gz"),
        (f"{absolute}/.hidden/imagesTr/scan.nii.gz", f"{absolute}/.hidden/labelsTr/scan.nii.gz"),
        ("linked/scan.nii.gz", "linked_labels/scan.nii.gz"),
        ("link.nii.gz", "../outside/labelsTr/victim.nii.gz"),
        ("sub/../sub/./imagesTr//scan.nii.gz", "sub/labelsTr/scan.nii.gz"),
        ("..\\outside\\imagesTr\\scan.nii.gz", "..\\outside\\labelsTr\\scan.nii.gz"),
        ("/etc/passwd", "/etc/passwd"),
        ("../" * 40 + "etc/passwd", "labelsTr/scan.nii.gz"),
        ("imagesTr/scan.nii.gz\x00", "labelsTr/scan.nii.gz"),
        ("y" * 5000, "labelsTr/scan.nii.gz"),
        ("d/" * 2500 + "a.nii.gz", "labelsTr/scan.nii.gz"),
        ("imagesTr/scan.nii.gz", "../imagesTr/scan.nii.gz"),
        ("imagesTr", "labelsTr"),
    ]


def write_listing(file: Path, entries: list[tuple[str, str]], explicit: bool = False) -> Path:
    """Writes a dataset.json that lists the entries as the Decathlon does, or by nnU-Net's key ``dataset``."""
    content: dict[str, object] = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "bright", "2": "grey"}}
    if explicit:
        names = ["../../up", "/abs", "same", "SAME", "a\nb", "..", "", "x" * 300]
        content["dataset"] = {
            names[number] if number < len(names) else f"case {number}": {"images": [image], "label": labels}
            for number, (image, labels) in enumerate(entries)
        }
    else:
        content["training"] = [{"image": image, "label": labels} for image, labels in entries]
    file.write_text(json.dumps(content))
    return file


def tree(folder: Path, but: Path) -> dict[str, str]:
    """Returns every file, link and folder below a folder, with its content and time stamp, but for those below another."""
    found = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(root, name) != but]
        for name in [*folders, *files]:
            path = Path(root, name)
            if path.is_symlink():
                found[str(path)] = f"link to {os.readlink(path)}"
            elif path.is_file():
                found[str(path)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
            else:
                found[str(path)] = "folder"
    return found
