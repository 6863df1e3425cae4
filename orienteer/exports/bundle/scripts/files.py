"""Which files a folder holds: scans, and pairs of scan and label map."""

from pathlib import Path

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def scans_in(folder: str) -> list[str]:
    """Returns the scans of a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    files = _scans(Path(folder))
    if not files:
        raise FileNotFoundError(f"no scan in {folder}: give a folder of {', '.join(ENDINGS)} files with --dataset_dir")
    return [str(file) for file in files]


EVERY = 5
"""One case in so many is for validation."""


def pairs_in(folder: str, validation: bool) -> list[dict[str, str]]:
    """Returns pairs of scan and label map in imagesTr and labelsTr of a folder, found by their names.

    A scan may have the ending ``_0000`` of nnU-Net, which its label map lacks.

    Args:
        folder: the data set.
        validation: those to validate on, the first of every five; otherwise the others. A single case is for both.

    Raises:
        FileNotFoundError: there is none, or a scan without a label map.
    """
    labels = {_stem(file): file for file in _scans(Path(folder, "labelsTr"))}
    items = []
    for file in _scans(Path(folder, "imagesTr")):
        stem = _stem(file)
        label = labels.get(stem) or labels.get(stem.removesuffix("_0000"))
        if label is None:
            raise FileNotFoundError(f"no label map for {file} in {Path(folder, 'labelsTr')}")
        items.append({"image": str(file), "label": str(label)})
    if not items:
        raise FileNotFoundError(f"no scans in {Path(folder, 'imagesTr')}: give the folder above it with --dataset_dir")
    chosen = [item for number, item in enumerate(items) if (number % EVERY == 0) == validation]
    return chosen or items


def _scans(folder: Path) -> list[Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if file.name.endswith(ENDINGS) and not file.name.startswith("."))


def _stem(file: Path) -> str:
    return next(file.name.removesuffix(ending) for ending in ENDINGS if file.name.endswith(ending))
