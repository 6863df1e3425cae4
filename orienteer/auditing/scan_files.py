"""New files for changed copies of scans: one for each scan, in a folder of their own, never over an original."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.files import replacing
from orienteer.labelled.datasets import ending_of
from orienteer.output_names import output_paths
from orienteer.scans.orient import LPS_TO_RAS
from orienteer.scans.source import Scan

ENDING = ".nii.gz"


def check_empty(folder: Path, argument: str) -> None:
    """Stops where the folder for copies holds something.

    Args:
        folder: may not exist yet.
        argument: that names it, for the message.

    Raises:
        InputError: it does, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        do = "choose another: copies never replace a file"
        raise InputError(argument, wanted="a new or empty folder", got=f"{folder}, which holds something", do=do)


def paths_for(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Returns the NIfTI file that the copy of each scan is written to."""
    stems = {name: name.removesuffix(ending_of(name)) for name in names}
    counts = [*stems.values()]
    alone = {name: stem if counts.count(stem) == 1 else name for name, stem in stems.items()}
    of_stem = output_paths(folder, list(alone.values()), ENDING)
    return {name: of_stem[stem] for name, stem in alone.items()}


def write_scan(scan: Scan, path: Path) -> None:
    """Writes a scan as NIfTI where it lies, whole numbers as such."""
    voxels = scan.voxels
    whole = np.abs(voxels).max() < 32_768 and bool(np.array_equal(voxels, np.rint(voxels)))
    kind = np.int16 if whole else np.float32
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0), dtype=kind))
    image.SetSpacing(scan.spacing_mm)
    image.SetOrigin((LPS_TO_RAS @ scan.origin_mm).tolist())
    image.SetDirection((LPS_TO_RAS @ scan.axes).ravel().tolist())
    with replacing(path, ENDING) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)
