"""Finds the scans in a folder from headers alone, and lists what is left out with the reason.

Every file that is found ends up in a scan, in what is left out, or in the count of files that are no scans. Files are read
in another process: a damaged one can crash or stall the native readers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import readable
from orienteer.progress import tracked
from orienteer.scans.apart import Reading, each_apart
from orienteer.scans.companions import HEADERS, companions
from orienteer.scans.dicom import NOT_IMAGES, SliceHeader, in_order, read_slice_header
from orienteer.scans.dicom_series import parted
from orienteer.scans.file_content import format_of, is_pair_header
from orienteer.scans.kinds import DICOM_NAMES, LOOKED_FOR, NEVER_DICOM, ending, format_named, other_image
from orienteer.scans.kinds import SUFFIXES as SUFFIXES
from orienteer.scans.label_maps import in_label_folder, looks_like_labels
from orienteer.scans.source import DICOM, Discovery, LeftOut, ScanSource, Selection
from orienteer.scans.walk import shown, walk


def discover(folder: str | Path, selection: Selection | None = None, progress: bool = True) -> Discovery:
    """Returns the scans in a folder and all its subfolders, sorted by name, and what was left out with the reason.

    Label maps, hidden and empty files, images of other formats, DICOM documents and scout images are left out. A DICOM
    series is one scan, several series in one folder are several scans. Files of other kinds are counted.

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
        (['a.nii.gz', 'b.mha'], (LeftOut(name='._a.nii.gz', reason='a hidden file', files=1),))
    """
    selection = selection or Selection()
    root = Path(folder)
    base = root if root.is_dir() else root.parent
    walked = walk(root)
    companions_of = _companions_of(walked.files)
    held = {file for files in companions_of.values() for file in files}
    left_out, others = list(walked.left_out), Counter[str]()
    sources: list[ScanSource] = []
    slices: list[SliceHeader] = []
    files = [path for path in walked.files if path not in held]  # the others belong to their header
    readings = [_reading(path, base, selection, companions_of.get(path, ())) for path in files]
    items = each_apart(_classified, readings)
    for reading in tracked(readings, "looking for scans", "files", progress):
        item = next(items)
        if isinstance(item, InputError | OSError):
            left_out.append(LeftOut(reading.name, _unread(item), len(reading.files)))
        elif isinstance(item, LeftOut):
            left_out.append(item)
        elif isinstance(item, ScanSource):
            sources.append(item)
        elif isinstance(item, SliceHeader):
            slices.append(item)
        else:
            others[item] += 1
    for series in _series(slices, base, selection):
        if isinstance(series, LeftOut):
            left_out.append(series)
        else:
            sources.append(series)
    if not sources:
        raise _nothing(root, walked.found, left_out)
    found = sorted(sources, key=lambda item: item.name)
    return Discovery(tuple(found), _merged(left_out), dict(sorted(others.items())), walked.found)


def _companions_of(files: Sequence[Path]) -> Mapping[Path, tuple[Path, ...]]:
    """Returns for each header the files of its voxels, none for two headers."""
    free, owned = set(files), {}
    headers = [path for path in files if path.name.lower().endswith(HEADERS)]
    readings = [Reading(readable(path.name), (), (path,)) for path in headers]  # their first kB only
    for path, names in zip(headers, each_apart(companions, readings), strict=True):
        if not isinstance(names, InputError | OSError):  # named when it is read
            owned[path] = tuple(file for file in names if file in free and file != path)
            free -= set(owned[path])
    return owned


def _reading(path: Path, base: Path, selection: Selection, voxels: tuple[Path, ...]) -> Reading:
    name = readable(path.relative_to(base).as_posix())
    return Reading(name, (path, *voxels), (path, Path(name), selection, voxels))


def _unread(error: InputError | OSError) -> str:
    return f"cannot be read: {error.got if isinstance(error, InputError) else error}"


def _merged(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Returns what was left out sorted by name, files of one folder and reason as one item where they go by its name."""
    files: Counter[tuple[str, str]] = Counter()
    for item in left_out:
        files[item.name, item.reason] += item.files
    return tuple(LeftOut(name, reason, count) for (name, reason), count in sorted(files.items()))


def _classified(
    path: Path, relative: Path, selection: Selection, voxels: tuple[Path, ...]
) -> ScanSource | LeftOut | SliceHeader | str:
    """Returns a file as a scan, a slice of one, or something left out; the ending by which it is counted if it is none.

    Args:
        voxels: the files beside a header that hold its voxels.
    """
    name, files, file_format = relative.as_posix(), 1 + len(voxels), format_named(path)
    if file_format is None and (path.suffix.lower() in NEVER_DICOM or path.name.startswith(".")):
        return ending(path)
    if path.name.startswith("."):
        return LeftOut(name, "a hidden file", files)
    excluded = next((glob for glob in selection.exclude if _matches(glob, [name])), None)
    if excluded is not None:
        whole_folder = file_format is None and relative.parent != Path(".")  # where a series lies, its folder is named
        return LeftOut(relative.parent.as_posix() if whole_folder else name, f"excluded by {excluded!r}", files)
    try:
        if path.stat().st_size == 0:
            return LeftOut(name, "an empty file", files)
        if file_format is None:
            return _unnamed_format(path, relative, selection)
        if path.name.lower().endswith((".hdr", ".hdr.gz")) and not is_pair_header(path):
            return ending(path)
        not_wanted = _not_wanted([name], relative, selection)
        if not_wanted is not None:
            return LeftOut(name, not_wanted, files)
        if looks_like_labels(path, file_format):
            return LeftOut(
                name, "looks like a label map: few whole values in even patches, or its header says so", files
            )
    except OSError as error:
        return LeftOut(name, f"cannot be opened: {(error.strerror or str(error)).lower()}", files)
    return ScanSource(name, file_format, (path,), selection.frame, voxels)


def _not_wanted(names: list[str], relative: Path, selection: Selection) -> str | None:
    if selection.include and not any(_matches(glob, names) for glob in selection.include):
        return "not included"
    label_folder = in_label_folder(relative)
    return f"in a folder of label maps ({label_folder})" if label_folder else None


def _unnamed_format(path: Path, relative: Path, selection: Selection) -> ScanSource | LeftOut | SliceHeader | str:
    """Returns what a file is whose name does not say it."""
    name = relative.as_posix()
    if path.name.upper() == "DICOMDIR":
        return LeftOut(name, "a DICOM directory file, not an image")
    item = read_slice_header(path)
    if isinstance(item, SliceHeader):
        return item
    if item.kind == "broken":
        not_wanted = _not_wanted([name], relative, selection)
        return LeftOut(name, not_wanted) if not_wanted else ScanSource(name, DICOM, (path,), selection.frame)
    if item.kind == "document":
        return LeftOut(name, item.reason)
    if path.suffix.lower() in DICOM_NAMES:
        return LeftOut(name, f"named {path.suffix}, but not a DICOM file")
    image = other_image(path)
    if image is not None:
        return LeftOut(name, image)
    file_format = format_of(path)
    if file_format is not None:
        return LeftOut(name, f"a {file_format} image whose name does not end like one; rename it")
    return ending(path)


def _series(slices: list[SliceHeader], base: Path, selection: Selection) -> Iterator[ScanSource | LeftOut]:
    """Groups slices by folder and series, and yields one scan or one reason for each group, and files beside its stack."""
    groups: dict[Path, dict[str, list[SliceHeader]]] = defaultdict(lambda: defaultdict(list))
    for item in slices:
        groups[item.path.parent][item.series].append(item)
    series: dict[str, list[SliceHeader]] = {}
    for folder, by_series in groups.items():
        relative = folder.relative_to(base)
        for uid, items in by_series.items():
            alone = len(by_series) == 1 and relative != Path(".")
            series[relative.as_posix() if alone else (relative / f"series-{uid or 'unnamed'}").as_posix()] = items
    # Slices that seem to be copies are compared by their pixels.
    readings = [Reading(name, tuple(item.path for item in items), (tuple(items),)) for name, items in series.items()]
    for (name, items), parts in zip(series.items(), each_apart(parted, readings), strict=True):
        if isinstance(parts, InputError | OSError):
            yield LeftOut(readable(name), _unread(parts), len(items))
            continue
        relative = items[0].path.parent.relative_to(base)
        names = [name, *(item.path.relative_to(base).as_posix() for item in items)]
        reason = _why_not(names, relative, parts.slices, selection)
        if reason:
            yield LeftOut(readable(name), reason, len(items))
            continue
        yield ScanSource(readable(name), DICOM, tuple(item.path for item in in_order(parts.slices)), selection.frame)
        yield from (LeftOut(readable(item.path.relative_to(base).as_posix()), why) for item, why in parts.odd)


def _why_not(names: list[str], relative: Path, items: tuple[SliceHeader, ...], selection: Selection) -> str | None:
    """Returns the reason to leave a DICOM series out; None if it is a scan to use."""
    modality = items[0].modality
    excluded = next((glob for glob in selection.exclude if _matches(glob, names)), None)
    if excluded is not None:
        return f"excluded by {excluded!r}"
    not_wanted = _not_wanted(names, relative / "slice", selection)
    if not_wanted is not None:
        return not_wanted
    if modality in NOT_IMAGES:
        return f"no image (DICOM modality {modality})"
    if all(item.fault is None and 0 in item.size_px for item in items):
        return "DICOM files without pixels"
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
    return InputError(shown(root), wanted=LOOKED_FOR, got=got, do="check the folder, --include and --exclude")
