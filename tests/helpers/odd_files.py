"""A folder of files as users have them: scans of every format, odd ones, broken ones, and files that are no scans."""

import gzip
import os
import shutil
import socket
import struct
from pathlib import Path

import nibabel
import numpy as np
import pydicom

from tests.helpers.files import label_map, noise, write, write_dicom


def write_odd_files(folder: Path) -> int:
    """Writes about a hundred files of some fifty kinds, and returns how many they are.

    Files that make a second name of another (links to folders) are not counted.
    """
    _formats(folder / "formats")
    _broken(folder / "broken")
    _dicom(folder / "dicom")
    _other(folder / "other")
    return sum(len(files) for _, _, files in os.walk(folder))


def _formats(folder: Path) -> None:
    values = noise((12, 11, 10))
    for name in ("a.nii", "b.nii.gz", "c.nrrd", "d.nhdr", "e.mha", "f.mhd", "G.NII.GZ"):
        write(folder / name.lower(), values + len(name))
        if name != name.lower():
            (folder / name.lower()).rename(folder / name)
    nibabel.save(nibabel.Nifti1Pair(values, np.eye(4)), folder / "pair.hdr")
    nibabel.save(nibabel.AnalyzeImage(values, np.eye(4)), folder / "analyze.hdr")
    shutil.copy(folder / "pair.hdr", folder / "lonely.hdr")
    shutil.copy(folder / "pair.img", folder / "headless.img")
    (folder / "envi.hdr").write_text("ENVI\nsamples = 4\n")
    shutil.copy(folder / "a.nii", folder / "plain.nii.gz")
    (folder / "zipped.nii").write_bytes(gzip.compress((folder / "a.nii").read_bytes()))
    shutil.copy(folder / "a.nii", folder / "nameless")
    shutil.copy(folder / "c.nrrd", folder / "a.nrrd.bak")
    nibabel.save(nibabel.Nifti2Image(values, np.eye(4)), folder / "two.nii")
    write(folder / "labelsTr" / "label.nii.gz", label_map())
    write(folder / "mask.nii.gz", label_map())
    write(folder / "._hidden.nii.gz", values)
    write(folder / ".cache" / "inside.nii", values)


def _broken(folder: Path) -> None:
    folder.mkdir()
    whole = write(folder / "short.nii", noise()).files[0]
    raw = whole.read_bytes()
    whole.write_bytes(raw[:400])
    for name, place, content in (
        ("offset.nii", 108, struct.pack("<f", float("inf"))),
        ("sizes.nii", 42, struct.pack("<3h", 0, 0, 0)),
        ("type.nii", 70, struct.pack("<h", 77)),
        ("spacing.nii", 80, struct.pack("<f", 0)),
    ):
        (folder / name).write_bytes(raw[:place] + content + raw[place + len(content) :])
    head = "ObjectType = Image\nNDims = {}\nDimSize = {}\nElementSpacing = {}\n{}ElementType = MET_SHORT\n"
    for name, parts in {
        "axes.mha": (30000, "1 " * 30000, "1 1 1", ""),
        "sizes.mha": (3, "0 0 0", "1 1 1", ""),
        "spacing.mha": (3, "7 6 5", "1.0-2", ""),
        "comment.mha": (3, "7 6 5", "1 1 1", "Comment = 100 % %d %s\n"),
        "elsewhere.mha": (3, "7 6 5", "1 1 1", ""),
    }.items():
        data = "../../formats/a.nii" if name == "elsewhere.mha" else "LOCAL"
        content = f"{head.format(*parts)}ElementDataFile = {data}\n".encode()
        (folder / name).write_bytes(content + noise().tobytes())
    (folder / "nothing.nii.gz").touch()
    (folder / "nothing").touch()
    (folder / "text.nii.gz").write_text("<html>not found</html>")
    (folder / "gone.nii").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.nii")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket must be short
    server.bind("socket")
    os.chdir(here)
    server.close()
    (folder / os.fsdecode(b"scan-\xff.nii")).write_bytes(raw)
    (folder / "red\x1b[31m.nii").write_bytes(raw)
    (folder / "loop").symlink_to(folder.parent, target_is_directory=True)


def _dicom(folder: Path) -> None:
    series = write_dicom(folder / "ct", noise((4, 5, 6)) - 500)
    shutil.copy(series[2], folder / "ct" / "copy")
    _changed(series[1], folder / "ct" / "scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    _changed(series[1], folder / "ct" / "dose", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    write_dicom(folder / "mr", noise((4, 5, 6)), series="1.5", modality="MR")
    write_dicom(folder / "holes", noise((4, 5, 4)), series="1.6", heights_mm=[0.0, 3.0, 9.0, 12.0])
    write_dicom(folder / "pet", noise((4, 5, 3)), series="1.7", modality="PT")
    write_dicom(folder / "report", noise((4, 5, 1)), series="1.8", modality="SR")
    for path in write_dicom(folder / "nameless", noise((4, 5, 3)) - 500, series="1.9"):
        _changed(path, path, SeriesInstanceUID="")
    comma = write_dicom(folder / "comma", noise((4, 5, 3)), series="1.10")[1]
    content = comma.read_bytes()
    comma.write_bytes(content.replace(b"2.0\\1.0", b"2,0\\1,0"))
    cut = write_dicom(folder / "cut", noise((4, 5, 4)), series="1.11")[1]
    cut.write_bytes(cut.read_bytes()[:260])
    for path in write_dicom(folder / "unmarked", noise((4, 5, 3)) - 500, series="1.12"):
        path.write_bytes(path.read_bytes()[132:])
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (folder / "marked").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    (folder / "text.dcm").write_text("not DICOM")


def _changed(path: Path, to: Path, **values) -> None:
    data = pydicom.dcmread(path)
    for tag, value in values.items():
        setattr(data, tag, value)
    data.save_as(to)


def _other(folder: Path) -> None:
    folder.mkdir()
    for name in (
        "a.txt",
        "b.txt",
        "README",
        ".DS_Store",
        "table.csv",
        "orig.mgz",
        "a.mnc",
        "a.nii.bz2",
        "x.raw",
        "a.12",
    ):
        (folder / name).write_bytes(b"some bytes that are no scan")
