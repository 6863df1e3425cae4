"""One bad file never stops a command: it is named, and the scans beside it are found, measured and prepared."""

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import ScanHeader
from tests.helpers.files import write
from tests.helpers.stores import prepare_here, tissue

META = b"ObjectType = Image\nNDims = 3\nDimSize = 6 6 6\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n"


def many_axes(folder: Path) -> None:
    """SimpleITK writes beyond its memory."""
    head = b"ObjectType = Image\nNDims = 30000\nBinaryData = True\nDimSize = " + b"2 " * 30000
    (folder / "bad.mha").write_bytes(head + b"\nElementType = MET_SHORT\nElementDataFile = LOCAL\n" + bytes(1000))


def no_voxels(folder: Path) -> None:
    (folder / "bad.mha").write_bytes(META.replace(b"6 6 6", b"0 0 0") + b"ElementDataFile = LOCAL\n" + bytes(432))


def huge_claim(folder: Path) -> None:
    """95 kB that claim 1400 voxels along each axis."""
    source = write(folder / "bad.nii", tissue(5, (10, 10, 10)))
    head = bytearray(source.files[0].read_bytes()[:352])
    source.files[0].unlink()
    struct.pack_into("<8h", head, 40, 3, 1400, 1400, 1400, 1, 1, 1, 1)
    (folder / "bad.nii.gz").write_bytes(gzip.compress(bytes(head) + bytes(9_000_000)))


def endless_gap(folder: Path) -> None:
    source = write(folder / "bad.nii", tissue(5, (10, 10, 10)))
    head = bytearray(source.files[0].read_bytes())
    struct.pack_into("<f", head, 108, np.inf)
    source.files[0].write_bytes(head)


def odd_number(folder: Path) -> None:
    (folder / "bad.mha").write_bytes(META.replace(b"1 1 1", b"1.0-2 1 1") + b"ElementDataFile = LOCAL\n" + bytes(432))


def pattern_in_a_comment(folder: Path) -> None:
    text = META.replace(b"NDims", b"Comment = 50%d /%s%n %999999999d\nNDims")
    (folder / "bad.mhd").write_bytes(text + b"ElementDataFile = missing.raw\n")


def pattern_as_data(folder: Path) -> None:
    (folder / "bad.mhd").write_bytes(META + b"ElementDataFile = /%999999999d.raw 0 999999999 1\n")


def odd_bytes_in_the_name(folder: Path) -> None:
    path = write(folder / "bad.nii.gz", tissue(7)).files[0]
    os.rename(path, os.fsencode(folder) + b"/bad\xff.nii.gz")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "bad.nii.gz")


def endless_device(folder: Path) -> None:
    os.symlink("/dev/zero", folder / "bad.nii")


def tree_of_dicom(folder: Path) -> None:
    """A sequence in a sequence in a sequence ..., deeper than Python's stack."""
    nested = b"".join(b"\x08\x00\x40\x11\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" for _ in range(5000))
    meta = b"\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\x00"
    (folder / "bad.dcm").write_bytes(bytes(128) + b"DICM" + meta + nested)


@pytest.mark.parametrize(
    "spoil",
    [
        *(many_axes, no_voxels, huge_claim, endless_gap, odd_number, pattern_in_a_comment, pattern_as_data),
        *(odd_bytes_in_the_name, pipe, endless_device, tree_of_dicom),
    ],
)
def test_it_is_named_and_the_others_are_prepared(folder, tmp_path, spoil: Callable[[Path], None]):
    if spoil in (pipe, endless_device, odd_bytes_in_the_name) and sys.platform != "linux":
        pytest.skip("not every system has such files")
    spoil(folder)
    discovery = discover(folder, progress=False)
    headers = [header for _, header in scan_headers(discovery.sources)]
    assert sum(isinstance(header, ScanHeader) for header in headers) >= 3
    report = prepare_here(discovery, tmp_path / "store")
    assert report.prepared == 3
    named = [item.name for item in (*discovery.left_out, *report.failures)]
    assert [name for name in named if "bad" in name], named
    reasons = [item.reason for item in (*discovery.left_out, *report.failures)]
    assert not [reason for reason in reasons if "Error:" in reason]  # in words, not as Python says it


def test_letters_beyond_ascii_where_the_locale_knows_none(tmp_path):
    """Paths are bytes; SimpleITK and SQLite want UTF-8, whatever the locale says."""
    folder = tmp_path / "Schädel"
    for number in range(2):
        write(folder / f"größe{number}.nii.gz", tissue(number), spacing=(1.0, 1.0, 1.0))
    code = (
        "import sys\nfrom tests.helpers.stores import prepare_here\n"
        "report = prepare_here(sys.argv[1], sys.argv[2])\n"
        "assert sorted(report.names) == ['gr\\xf6\\xdfe0.nii.gz', 'gr\\xf6\\xdfe1.nii.gz'], report\n"
    )
    for utf8 in ("0", "1"):
        command = [sys.executable, "-c", code, str(folder), str(tmp_path / f"störe{utf8}")]
        environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONPATH": str(Path.cwd())}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
