"""What is handed on names no place of this machine: not the folder of the packages, of the program, or of the run."""

import socket
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from orienteer.exports import export as export_module
from orienteer.exports.export import export
from tests.helpers.saved_runs import SaveRun

PLACES = {
    "packages": str(Path(torch.__file__).parents[1]),
    "program": str(Path(export_module.__file__).parents[2]),
    "interpreter": sys.prefix,
    "home": str(Path.home()),
}


def contents(path: Path) -> list[bytes]:
    """The bytes of a file, and of the files in it where it is a zip file, in which they may be compressed."""
    parts = [path.read_bytes()]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            parts += [file.read(name) for name in file.namelist()]
    return parts


@pytest.mark.parametrize("to", ["monai", "nnssl", "onnx", "torchscript", "torch-export"])
def test_no_export_names_a_place_of_this_machine(to: Any, save_run: SaveRun, tmp_path: Path) -> None:
    if to == "nnssl":
        run = save_run("residual", (16, 32, 64), features=[4, 6], blocks=[1, 1], strides=[1, [1, 2, 4]])
    else:
        run = save_run("tiny", (32, 32, 32), filters=[4, 8, 8])
    exported = export(str(run), to=to, out=str(tmp_path / "Anna_Mueller" / to))
    written = [part for path in exported.folder.rglob("*") if path.is_file() for part in contents(path)]
    assert sum(map(len, written)) > 1000
    # Names are as specific as they can be: short ones occur by chance in weights.
    for what, place in {**PLACES, "run": str(run), "folder": "Anna_Mueller", "host": socket.getfqdn()}.items():
        if len(place) > 6:
            assert not any(place.encode() in part for part in written), what
