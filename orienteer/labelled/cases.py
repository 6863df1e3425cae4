"""Labelled cases ready to cut patches from: the scan in the store, its labels on the same grid, cached beside it."""

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
import SimpleITK as sitk
from jaxtyping import Float32, UInt8

from orienteer.errors import InputError, ScanError
from orienteer.files import write_bytes
from orienteer.labelled.datasets import Case, LabelledData
from orienteer.labelled.geometry import Geometry, differs, file_geometry, grid_geometry, labels_on_grid, source_geometry
from orienteer.labelled.prepared import prepare_named
from orienteer.progress import Progress
from orienteer.scans.content import file_hash
from orienteer.scans.index import Failure
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import header
from orienteer.scans.source import Discovery, Selection
from orienteer.scans.store import Store
from orienteer.types import Triple, TripleMm

FOREGROUND_VOXELS = 500
"""Voxels per class that are remembered, to cut patches around."""

MOST_RATIO = 8.0
"""Edges of voxels (cube root of the volume) further apart than this belong to another unit or another kind of scan."""

KEPT_BYTES = 1 << 30
"""Memory for whole cases that were read once; beyond it they are read in parts each time."""


@dataclass(frozen=True)
class LabelledCase:
    """A scan and its labels on one prepared grid.

    Attributes:
        case: the files.
        key: of the scan in the store.
        content: hash of the scan's files, as pretraining knows it.
        shape_vox: size of the grid.
        grid: where it lies.
        own: where the scan lies in its own file.
        labels: the cached label map on the grid.
        voxels: voxels of each class on the grid, background first.
    """

    case: Case
    key: str
    content: str
    shape_vox: Triple
    grid: Geometry
    own: Geometry
    labels: Path
    voxels: tuple[int, ...]

    @property
    def name(self) -> str:
        """How tables call it."""
        return self.case.name


@dataclass(frozen=True)
class PreparedCases:
    """The cases of a data set.

    Attributes:
        cases: those that can be used, by name.
        classes: names by value, background first.
        failures: the others, with the reason.
    """

    cases: dict[str, LabelledCase]
    classes: dict[int, str]
    failures: tuple[Failure, ...]


def prepare_cases(
    data: LabelledData,
    store: str | Path,
    preparation: Preparation,
    selection: Selection,
    workers: int | None = None,
    given_spacing: bool = False,
    shown: bool = True,
) -> PreparedCases:
    """Prepares scans and label maps into a store; a case that cannot be used is set aside with the reason.

    Args:
        given_spacing: the user chose the spacing, so that scans are compared with each other instead of with it.

    Raises:
        InputError: no case at all can be used.
    """
    failures = list(data.failures)
    odd = _odd_spacing(data.cases, selection, None if given_spacing else preparation.spacing_mm, failures)
    usable = [case for case in data.cases if case.name not in odd]
    _refuse_none(usable, failures)
    discovery = Discovery(tuple(case.source for case in usable), ())
    ready = prepare_named(discovery, store, preparation, selection, workers, shown)
    failures += [Failure(case_of(item.name, usable), item.step, item.reason, item.do) for item in ready.failures]
    usable = [case for case in usable if case.source.name in ready.keys]
    classes = data.classes or _found_classes(usable, failures, shown)
    reader, found = Store.open(store), {}
    with reader, Progress("preparing labels", len(usable), unit="cases", shown=shown) as progress:
        for case in usable:
            try:
                found[case.name] = _prepare_case(case, reader, ready.keys[case.source.name], list(classes))
            except ScanError as error:
                failures.append(Failure(case.name, error.step, f"wanted {error.wanted}, got {error.got}", error.do))
            progress.advance()
    _refuse_none(list(found), failures)
    return PreparedCases(found, classes, tuple(sorted(failures, key=lambda failure: failure.name)))


def case_of(scan: str, cases: Iterable[Case]) -> str:
    """Returns the name of the case that a scan belongs to."""
    return next((case.name for case in cases if case.source.name == scan), scan)


def read_labels(case: Case, values: Iterable[int]) -> tuple[UInt8[np.ndarray, "file2 file1 file0"], Geometry]:
    """Returns class numbers 0, 1, ... in file order, and where they lie.

    Raises:
        ScanError: a label map that cannot be read or has another geometry than its scan, or a value that is no class.
    """
    image = _label_image(case)
    own = file_geometry(image)
    wrong = differs(own, source_geometry(case.source))
    if wrong:
        raise ScanError(
            case.name,
            step="read",
            wanted="labels on the voxels of their scan",
            got=f"{case.labels.name}: {wrong}",
            do="check that the two belong together, or resample the labels onto the scan",
        )
    array = sitk.GetArrayViewFromImage(image)
    known = np.array(sorted(values))
    there = np.unique(array)
    unknown = [value for value in there.tolist() if value not in known]
    if unknown:
        raise ScanError(
            case.name,
            step="read",
            wanted=f"label values among {', '.join(str(value) for value in known)}",
            got=f"{', '.join(f'{value:g}' for value in unknown[:5])} in {case.labels.name}",
            do="name the class under `labels` in dataset.json, or mend the label map",
        )
    return np.searchsorted(known, array).astype(np.uint8), own


class CaseReader:
    """Reads boxes of labelled cases. Whole cases stay in memory as far as ``KEPT_BYTES`` reach."""

    def __init__(self, store: Store, kept_bytes: int = KEPT_BYTES) -> None:
        self.store, self.kept_bytes = store, kept_bytes
        self._kept: OrderedDict[Path, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._foreground: dict[Path, dict[int, np.ndarray]] = {}

    def __getstate__(self) -> dict:
        return {"store": self.store, "kept_bytes": self.kept_bytes}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def read(
        self, case: LabelledCase, start: Triple, size: Triple
    ) -> tuple[Float32[np.ndarray, "size0 size1 size2"], UInt8[np.ndarray, "size0 size1 size2"]]:
        """Returns voxels in [-1, 1] and class numbers of a box that lies inside the case."""
        voxels = math.prod(case.shape_vox)
        if voxels * 5 * 8 > self.kept_bytes:  # a case that would take more than an eighth of the memory
            labels = open_labels(case.labels)[_box(start, size)]
            return self.store.read(case.key, start, size), labels
        if case.labels not in self._kept:
            whole = self.store.read(case.key, (0, 0, 0), case.shape_vox)
            self._kept[case.labels] = whole, open_labels(case.labels)[:]
            while sum(image.size for image, _ in self._kept.values()) * 5 > self.kept_bytes:
                self._kept.popitem(last=False)
        self._kept.move_to_end(case.labels)
        image, labels = self._kept[case.labels]
        return image[_box(start, size)], labels[_box(start, size)]

    def foreground(self, case: LabelledCase) -> dict[int, np.ndarray]:
        """Returns some voxels ``(voxels, 3)`` of each class that the case has, by class number."""
        if case.labels not in self._foreground:
            said = _said(case.labels, "foreground")
            self._foreground[case.labels] = {int(number): np.array(voxels) for number, voxels in said.items()}
        return self._foreground[case.labels]


def open_labels(path: Path) -> "blosc2.NDArray":
    """Returns a cached label map; slices of it are read when they are taken."""
    return blosc2.open(str(path), mode="r", mmap_mode="r", dparams=blosc2.DParams(nthreads=1))


def _said(path: Path, what: str) -> Any:
    array = open_labels(path)  # kept until the end: what hangs on it does not keep it alive
    return json.loads(array.schunk.vlmeta[what])


def _prepare_case(case: Case, store: Store, key: str, values: list[int]) -> LabelledCase:
    scan = store.scan(key)
    grid = grid_geometry(scan.shape_vox, scan.spacing_mm, scan.origin_mm)
    kind = hashlib.blake2b(f"1|{file_hash(case.labels)}|{values}".encode(), digest_size=8).hexdigest()
    path = store.folder / "labels" / key[:2] / f"{key}-{kind}.b2nd"
    if not path.is_file():
        indices, own = read_labels(case, values)
        _write_labels(path, labels_on_grid(indices, len(values), own, grid), len(values))
    voxels = tuple(_said(path, "voxels"))
    own = source_geometry(case.source)
    return LabelledCase(case, key, scan.content, scan.shape_vox, grid, own, path, voxels)


def _write_labels(path: Path, labels: UInt8[np.ndarray, "size0 size1 size2"], classes: int) -> None:
    rng = np.random.default_rng(0)
    voxels = np.bincount(labels.reshape(-1), minlength=classes)
    foreground = {}
    for number in range(1, classes):
        flat = np.flatnonzero(labels == number)
        chosen = flat if flat.size <= FOREGROUND_VOXELS else rng.choice(flat, FOREGROUND_VOXELS, replace=False)
        if flat.size:
            foreground[number] = np.stack(np.unravel_index(np.sort(chosen), labels.shape), axis=1).tolist()
    array = blosc2.asarray(np.ascontiguousarray(labels), cparams=blosc2.CParams(codec=blosc2.Codec.ZSTD, nthreads=1))
    array.schunk.vlmeta["voxels"] = json.dumps(voxels.tolist())
    array.schunk.vlmeta["foreground"] = json.dumps(foreground)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_bytes(path, array.to_cframe())
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError(str(path.parent), wanted="room for labels", got=got, do="free some disk space") from error


def _label_image(case: Case) -> sitk.Image:
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(case.labels))
    except RuntimeError:
        got = f"{case.labels.name}, which cannot be read"
        do = "copy or download it again"
        raise ScanError(case.name, step="read", wanted="a label map", got=got, do=do) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[..., 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        got = f"{image.GetDimension()} axes, {image.GetNumberOfComponentsPerPixel()} values a voxel"
        do = "save one whole number per voxel"
        raise ScanError(case.name, step="read", wanted="a 3D label map", got=got, do=do)
    return image


def _found_classes(cases: list[Case], failures: list[Failure], shown: bool) -> dict[int, str]:
    """Returns the values of all label maps, for data that do not name them."""
    values = {0}
    with Progress("looking for classes", len(cases), unit="cases", shown=shown) as progress:
        for case in cases:
            try:
                image = _label_image(case)  # kept: the view below does not keep it alive
                there = np.unique(sitk.GetArrayViewFromImage(image))
            except ScanError:
                continue  # it fails again, and is written down, when it is prepared
            if there.size > 256 or (there < 0).any() or (there != np.rint(there)).any():
                raise InputError(
                    str(case.labels),
                    wanted="whole numbers from 0, one per class",
                    got=f"{there.size} values from {there.min():g} to {there.max():g}",
                    do="check that it is a label map",
                )
            values.update(int(value) for value in there)
            progress.advance()
    if len(values) < 2:
        raise InputError(
            "labels", wanted="at least one class above background", got="only 0", do="check the label maps"
        )
    return {value: "background" if value == 0 else f"class {value}" for value in sorted(values)}


def _odd_spacing(
    cases: Iterable[Case], selection: Selection, spacing_mm: TripleMm | None, failures: list[Failure]
) -> set[str]:
    """Sets aside scans whose voxels are far larger or smaller than the others'; returns their names."""
    edges: dict[str, float] = {}
    for case in cases:
        try:
            edges[case.name] = _edge(header(case.source, selection).spacing_mm)
        except ScanError as error:
            failures.append(Failure(case.name, error.step, f"wanted {error.wanted}, got {error.got}", error.do))
            edges[case.name] = math.nan
    usual = _edge(spacing_mm) if spacing_mm else float(np.nanmedian(list(edges.values()) or [math.nan]))
    for name, edge in edges.items():
        if not max(edge / usual, usual / edge) <= MOST_RATIO and not math.isnan(edge):
            reason = f"voxels of {edge:.3g} mm where {usual:.3g} mm are {'wanted' if spacing_mm else 'usual'}"
            do = "check the unit of its spacing; if it is right, set --spacing-mm"
            failures.append(Failure(name, "read", reason, do))
            edges[name] = math.nan
    return {name for name, edge in edges.items() if math.isnan(edge)}


def _edge(spacing_mm: TripleMm) -> float:
    return math.prod(spacing_mm) ** (1 / 3)


def _refuse_none(left: list, failures: Iterable[Failure]) -> None:
    if not left:
        first = next(iter(failures))
        count = len(list(failures))
        raise InputError(
            "data",
            wanted="at least one case that can be used",
            got=f"{count} that cannot; {first.name}: {first.reason}",
            do=first.do,
        )


def _box(start: Triple, size: Triple) -> tuple[slice, ...]:
    return tuple(slice(begin, begin + length) for begin, length in zip(start, size, strict=True))


def label_counts(cases: Mapping[str, LabelledCase], names: Iterable[str]) -> np.ndarray:
    """Returns how many of the named cases have each class, background first."""
    return np.sum([np.array(cases[name].voxels) > 0 for name in names], axis=0)
