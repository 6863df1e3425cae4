"""A folder of links to the scans that may be pretrained on, and nothing else."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from orienteer.labelled.datasets import Case
from orienteer.scans.content import data_files


def link_scans(cases: Sequence[Case], folder: Path) -> None:
    """Makes a folder of links to the scans of these cases and nothing else; copies where links cannot be made."""
    wanted = {}
    for case in cases:
        first = case.source.files[0].parent
        place = folder / (case.source.name if len(case.source.files) > 1 else Path(case.source.name).parent)
        for file in data_files(case.source):
            wanted[place / os.path.relpath(file, first)] = file.resolve()
    for path in [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]:
        if path not in wanted or path.resolve() != wanted[path]:
            path.unlink()
    for path, file in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            continue
        try:
            path.symlink_to(file)
        except OSError:
            shutil.copyfile(file, path)
