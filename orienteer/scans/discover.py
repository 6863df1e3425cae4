"""Finds the scans in a folder from headers alone, and lists what is left out with the reason."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from orienteer.errors import InputError, ScanError
from orienteer.files import is_utf8, readable
from orienteer.progress import tracked
from orienteer.scans.apart import Reading, each_apart
from orienteer.scans.dicom import NOT_IMAGES, SliceHeader, in_order, read_slice_header
from orienteer.scans.label_maps import in_label_folder, looks_like_labels
from orienteer.scans.source import DICOM, METAIMAGE, NIFTI, NRRD, Discovery, LeftOut, ScanSource, Selection

SUFFIXES = {
    ".nii": NIFTI,
    ".nii.gz": NIFTI,
    ".nrrd": NRRD,
    ".nhdr": NRRD,
    ".mha": METAIMAGE,
    ".mhd": METAIMAGE,
}
"""Formats by the ending of a file name. DICOM is recognised by its content."""

NEVER_DICOM = (
    *(
        ".json",
        ".b2nd",
        ".sqlite",
        ".txt",
        ".csv",
        ".tsv",
        ".md",
        ".pdf",
        ".xml",
        ".html",
        ".yaml",
        ".yml",
        ".log",
        ".ini",
        ".xls",
        ".xlsx",
    ),
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".zip", ".gz", ".tar", ".7z", ".raw", ".zraw", ".lnk"),
    *(".py", ".ipynb", ".npy", ".npz", ".pkl", ".pt", ".pth", ".ckpt", ".h5", ".doc", ".docx", ".bval", ".bvec"),
)
"""Endings of file names that are not opened to look for DICOM."""

LOOKED_FOR = "scans: " + ", ".join(SUFFIXES) + " files or DICOM series, in any subfolder"


def discover(folder: str | Path, selection: Selection | None = None, progress: bool = True) -> Discovery:
    """Returns the scans in a folder and all its subfolders, sorted by name, and what was left out with the reason.

    Label maps, hidden and empty files, DICOM documents and scout images are left out. A DICOM series is one scan,
    several series in one folder are several scans. Other files are ignored.

    Args:
        folder: the folder, or one file.
        selection: which scans to take (globs).
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        InputError: no such folder, or no scan in it; the message says what was looked for and what was left out.

    Example:
        >>> import tempfile
        >>> import numpy as np, SimpleITK as sitk
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
        ...     for name in ("b.mha", "a.nii.gz", "._a.nii.gz"):
        ...         sitk.WriteImage(image, f"{folder}/{name}")
        ...     discovery = discover(folder)
        >>> [source.name for source in discovery.sources], discovery.left_out
        (['a.nii.gz', 'b.mha'], (LeftOut(name='._a.nii.gz', reason='a hidden file'),))
    """
    selection = selection or Selection()
    root = Path(folder)
    left_out: list[LeftOut] = []
    paths = list(_files(root, left_out))
    sources: list[ScanSource] = []
    slices: list[SliceHeader] = []
    # Headers are read in another process: a damaged one can crash or stall the native readers.
    names = [readable(path.relative_to(_base(root)).as_posix()) for path in paths]
    readings = [Reading(name, (path,), (path, Path(name), selection)) for path, name in zip(paths, names, strict=True)]
    items = each_apart(_classified, readings)
    for name in tracked(names, "looking for scans", "files", progress):
        item = next(items)
        if isinstance(item, InputError | OSError):
            left_out.append(LeftOut(name, f"cannot be read: {item.got if isinstance(item, ScanError) else item}"))
        elif isinstance(item, LeftOut):
            left_out.append(item)
        elif isinstance(item, ScanSource):
            sources.append(item)
        elif item is not None:
            slices.append(item)
    for series in _series(slices, _base(root), selection):
        if isinstance(series, LeftOut):
            left_out.append(series)
        else:
            sources.append(series)
    if not sources:
        raise _nothing(root, len(paths), left_out)
    return Discovery(tuple(sorted(sources, key=_by_name)), tuple(sorted(left_out, key=_by_name)))


def _base(root: Path) -> Path:
    return root if root.is_dir() else root.parent


def _by_name(item: ScanSource | LeftOut) -> str:
    return item.name


def _files(root: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    """Yields all files. Links to folders are followed, and each folder is entered once, so that loops of links end."""
    if not root.exists():
        raise InputError(str(root), wanted="a folder of scans", got="a path that does not exist", do="check the path")
    if root.is_file():
        yield root
        return

    def unreadable(error: OSError) -> None:
        name = readable(Path(error.filename).relative_to(root).as_posix())
        left_out.append(LeftOut(name, f"the folder cannot be opened: {(error.strerror or str(error)).lower()}"))

    entered: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=unreadable):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            below.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))


def _classified(path: Path, relative: Path, selection: Selection) -> ScanSource | LeftOut | SliceHeader | None:
    """Returns a file as a scan, a slice of one, or something left out; None if it has nothing to do with scans."""
    name = relative.as_posix()
    file_format = next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
    if file_format is None and (path.suffix.lower() in NEVER_DICOM or path.name.startswith(".")):
        return None
    if path.name.startswith("."):
        return LeftOut(name, "a hidden file")
    excluded = next((glob for glob in selection.exclude if _matches(glob, [name])), None)
    if excluded is not None:
        return LeftOut(name, f"excluded by {excluded!r}") if file_format else None
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe waits for somebody to write to it
            return LeftOut(name, "a pipe or device, not a file") if file_format else None
        if path.stat().st_size == 0:
            return LeftOut(name, "an empty file") if file_format else None
        item = None if file_format else _dicom_file(path, relative)
        if (file_format or item) and not is_utf8(path):
            return LeftOut(name, "a path that is not UTF-8; rename it")
        if file_format is None:
            return item
    except OSError as error:
        return LeftOut(name, f"cannot be opened: {(error.strerror or str(error)).lower()}")
    if selection.include and not any(_matches(glob, [name]) for glob in selection.include):
        return LeftOut(name, "not included")
    if label_folder := in_label_folder(relative):
        return LeftOut(name, f"in a folder of label maps ({label_folder})")
    if looks_like_labels(path):
        return LeftOut(name, "looks like a label map: few whole values in even patches")
    return ScanSource(name, file_format, (path,), selection.frame)


def _dicom_file(path: Path, relative: Path) -> SliceHeader | LeftOut | None:
    if path.name.upper() == "DICOMDIR":
        return LeftOut(relative.as_posix(), "a DICOM directory file, not an image")
    return read_slice_header(path)


def _series(slices: list[SliceHeader], base: Path, selection: Selection) -> Iterator[ScanSource | LeftOut]:
    """Groups slices by folder and series, and yields one scan or one reason for each group."""
    groups: dict[Path, dict[str, list[SliceHeader]]] = defaultdict(lambda: defaultdict(list))
    for item in slices:
        groups[item.path.parent][item.series].append(item)
    for folder, by_series in groups.items():
        relative = folder.relative_to(base)
        for series, items in by_series.items():
            alone = len(by_series) == 1 and relative != Path(".")
            name = relative.as_posix() if alone else (relative / f"series-{series}").as_posix()
            names = [name, *(item.path.relative_to(base).as_posix() for item in items)]
            reason = _why_not(names, relative, items, selection)
            if reason:
                yield LeftOut(readable(name), reason)
            else:
                yield ScanSource(
                    readable(name), DICOM, tuple(item.path for item in in_order(tuple(items))), selection.frame
                )


def _why_not(names: list[str], relative: Path, items: list[SliceHeader], selection: Selection) -> str | None:
    """Returns the reason to leave a DICOM series out; None if it is a scan to use."""
    modality = items[0].modality
    excluded = next((glob for glob in selection.exclude if _matches(glob, names)), None)
    if excluded is not None:
        return f"excluded by {excluded!r}"
    if selection.include and not any(_matches(glob, names) for glob in selection.include):
        return "not included"
    if label_folder := in_label_folder(relative / "slice"):
        return f"in a folder of label maps ({label_folder})"
    if modality in NOT_IMAGES:
        return f"no image (DICOM modality {modality})"
    if modality not in ("CT", "MR") and selection.modality == "auto":
        return f"neither CT nor MR (DICOM modality {modality or 'missing'}); --modality CT or MR takes it"
    if all(item.localizer for item in items):
        return "a localizer (scout image)"
    return None


def _matches(glob: str, names: list[str]) -> bool:
    """Returns whether a glob matches a path or any of its parent folders."""
    parents = {parent.as_posix() for name in names for parent in Path(name).parents}
    return any(fnmatchcase(name, glob) for name in parents.union(names) - {"."})


def _nothing(root: Path, files: int, left_out: list[LeftOut]) -> InputError:
    reasons = "; ".join(f"{item.name}: {item.reason}" for item in left_out[:3])
    got = f"{files} files, none of them a scan to use" if files else "an empty folder"
    if reasons:
        got += f" ({reasons}{f'; and {len(left_out) - 3} more' if len(left_out) > 3 else ''})"
    return InputError(str(root), wanted=LOOKED_FOR, got=got, do="check the folder, --include and --exclude")
