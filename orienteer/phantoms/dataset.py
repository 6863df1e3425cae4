"""A labelled data set of synthetic torsos for `finetune`, `probe` and `compare`: scans, label maps, dataset.json.

``python -m orienteer.phantoms.dataset FOLDER --count 160 --hard`` makes one.
"""

import argparse
from pathlib import Path

from orienteer.files import write_json
from orienteer.phantoms.anatomy import LABEL_NAMES
from orienteer.phantoms.torso import write_phantoms
from orienteer.types import Triple


def write_phantom_set(
    folder: str | Path,
    count: int,
    seed: int = 0,
    shape_vox: Triple = (48, 48, 64),
    spacing_mm: float = 6.0,
    hard: bool = False,
    progress: bool = True,
) -> Path:
    """Writes synthetic torsos and label maps with a dataset.json in the Decathlon's form; returns that file.

    Args:
        folder: the folder to write to.
        count: number of subjects.
        seed: a subject depends on the seed and its number alone.
        shape_vox: size in voxels; hard ones are shorter along the body.
        spacing_mm: voxel size.
        hard: see `orienteer.phantoms.torso.phantom`.
        progress: show progress.

    Raises:
        InputError: fewer than one subject, or the folder holds scans of other settings.

    Example:
        >>> import json, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_phantom_set(folder, 2, shape_vox=(16, 16, 24), spacing_mm=18.0, progress=False)
        ...     len(json.loads(file.read_text())["training"])
        2
    """
    root = Path(folder)
    scans = write_phantoms(root / "imagesTr", count, seed, shape_vox, spacing_mm, progress=progress, hard=hard)
    description = {
        "name": "synthetic torso CTs, no patient",
        "modality": {"0": "CT"},
        "labels": {"0": "background", **{str(value): name for value, name in LABEL_NAMES.items()}},
        "training": [{"image": f"./imagesTr/{scan.name}", "label": f"./imagesTr/labels/{scan.name}"} for scan in scans],
    }
    file = root / "dataset.json"
    write_json(file, description, indent=1)
    return file


def main() -> None:
    """Writes a data set from the command line."""
    parser = argparse.ArgumentParser(description="Write a labelled data set of synthetic torso CTs.")
    parser.add_argument("folder", help="the folder to write to")
    parser.add_argument("--count", type=int, default=40, help="number of subjects")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other subjects")
    parser.add_argument(
        "--hard", action="store_true", help="soft organs of one intensity, strong noise, part of the trunk"
    )
    given = parser.parse_args()
    print(write_phantom_set(given.folder, given.count, given.seed, hard=given.hard))


if __name__ == "__main__":
    main()
