"""A folder of links to the scans that may be pretrained on, and nothing else."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import replacing
from orienteer.labelled.datasets import Case, ending_of
from orienteer.output_names import inside, safe_names
from orienteer.scans.label_maps import FOLDER
from orienteer.store.content import data_files

PATIENT = r"^(patient-\d+)/"
"""The pattern for ``--group-by`` by which a pretraining finds the patients of linked scans."""


def link_scans(cases: Sequence[Case], folder: Path, patients: Mapping[str, str] | None = None) -> dict[str, str]:
    """Makes a folder of links to the scans of these cases and nothing else; copies where links cannot be made.

    Args:
        cases: whose scans to link.
        folder: of the links.
        patients: patient by name of the case, where it is known. Each has a folder of its own, see `PATIENT`.

    Returns:
        Name of the case by the place of its scan's link, or of the folder of its links where it has several files.

    Raises:
        InputError: the folder is a link itself: what it points to is not touched.
    """
    if folder.is_symlink():
        do = "remove the link, or choose another --out"
        raise InputError(str(folder), wanted="a folder of its own", got="a link to another one", do=do)
    places = _with_patients(link_places([case.source.name for case in cases]), cases, patients or {})
    wanted: dict[Path, Path] = {}
    for case in cases:
        wanted |= _links(case, inside(folder, places[case.source.name]))
    for path in [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]:
        if path not in wanted or path.resolve() != wanted[path]:
            path.unlink()
    for path, file in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            continue
        try:
            path.symlink_to(file)
        except OSError:
            with replacing(path) as copy:
                shutil.copyfile(file, copy)
    return {places[case.source.name]: case.name for case in cases}


def link_places(scans: Sequence[str]) -> dict[str, str]:
    """Returns the place of each scan's link. No part of it is named like a folder of label maps, which is not searched.

    Example:
        >>> link_places(["imagesTr/a.nii.gz", "../labels/b.nii.gz"])
        {'imagesTr/a.nii.gz': 'imagesTr/a.nii.gz', '../labels/b.nii.gz': '_labels/b.nii.gz'}
    """
    searched = {
        scan: "/".join(f"_{part}" if FOLDER.fullmatch(part) else part for part in scan.split("/")) for scan in scans
    }
    safe = safe_names(list(searched.values()), "", {name: ending_of(name) for name in searched.values()})
    return {scan: safe[name] for scan, name in searched.items()}


def _with_patients(places: dict[str, str], cases: Sequence[Case], patients: Mapping[str, str]) -> dict[str, str]:
    numbers = {patient: number for number, patient in enumerate(dict.fromkeys(patients.values()), 1)}
    folders = {case.source.name: f"patient-{numbers[patients[case.name]]}/" for case in cases if case.name in patients}
    return {scan: f"{folders.get(scan, '')}{place}" for scan, place in places.items()}


def _links(case: Case, place: Path) -> dict[Path, Path]:
    """Returns the file behind each link of a scan. A scan of several files has a folder of its own for them.

    Files that a header names outside its own folder get no link: the scan is then reported as one that lacks them.
    """
    files: list[Path] = []
    with suppress(OSError):  # it is reported when the case is prepared
        files = data_files(case.source)
    if len(files) == 1:
        return {place: files[0].resolve()}
    beside = {Path(os.path.relpath(file, case.source.files[0].parent)): file for file in files}
    return {place / path: file.resolve() for path, file in beside.items() if ".." not in path.parts}
