"""Labelled cases ready to cut patches from: the scan in the store, and its labels on the same grid, cached beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from orienteer.cluster.connect import Cluster
from orienteer.errors import ScanError
from orienteer.labelled.datasets import Case, LabelledData
from orienteer.labelled.failures import failure_of, require_usable
from orienteer.labelled.grids import Geometry, grid_geometry, source_geometry
from orienteer.labelled.label_cache import cache_labels, cached_labels_path, class_voxels, is_cached
from orienteer.labelled.label_maps import classes_in, read_label_map
from orienteer.labelled.odd_spacing import odd_spacing
from orienteer.labelled.prepared import prepare_named
from orienteer.labelled.resampling import labels_on_grid
from orienteer.progress import Progress
from orienteer.scans.apart import apart
from orienteer.scans.patients import Evidence, find_patients
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Discovery, Selection
from orienteer.store.content import file_hash
from orienteer.store.outcomes import Failure
from orienteer.store.store import Store
from orienteer.types import Triple


@dataclass(frozen=True)
class LabelledCase:
    """A scan and its labels on one prepared grid.

    Attributes:
        case: the files.
        key: of the scan in the store.
        content: hash of the scan's files, the same as in pretraining.
        shape_vox: size of the grid.
        grid: the prepared grid.
        file_grid: grid of the scan's own file.
        labels: the cached label map on the prepared grid.
        voxels: voxels of each class on the prepared grid, background first.
        patient: hash of its patient, where a DICOM header names one.
    """

    case: Case
    key: str
    content: str
    shape_vox: Triple
    grid: Geometry
    file_grid: Geometry
    labels: Path
    voxels: tuple[int, ...]
    patient: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.case.name


@dataclass(frozen=True)
class PreparedCases:
    """The cases of a data set.

    Attributes:
        cases: those that can be used, by name.
        classes: names by label value, background first.
        failures: the others, with the reason.
    """

    cases: dict[str, LabelledCase]
    classes: dict[int, str]
    failures: tuple[Failure, ...]

    def groups(self, pattern: str | None) -> dict[str, str]:
        """Returns the patient of each case that has a known one; says once where it is not known.

        Args:
            pattern: see `Evidence`.

        Raises:
            InputError: a pattern that matches no name.
        """
        named = {name: case.case.group for name, case in self.cases.items() if case.case.group is not None}
        contents = {name: case.content for name, case in self.cases.items()}
        hashes = {name: case.patient for name, case in self.cases.items() if case.patient}
        return find_patients(list(self.cases), Evidence(named, pattern, contents, hashes))


def prepare_cases(
    data: LabelledData,
    store: str | Path,
    preparation: Preparation,
    selection: Selection,
    workers: int | None = None,
    given_spacing: bool = False,
    shown: bool = True,
    copies: bool = False,
    cluster: Cluster | None = None,
) -> PreparedCases:
    """Prepares scans and label maps into a store; a case that cannot be used is set aside with the reason.

    Args:
        given_spacing: the user chose the spacing; scans are then compared with each other instead of with it.
        shown: whether to show progress.
        copies: keep cases that hold the scan and the labels of another one.
        cluster: whose workers prepare the scans; by default this machine does.

    Raises:
        InputError: no case at all can be used.
    """
    failures = list(data.failures)
    odd = odd_spacing(data.cases, selection, None if given_spacing else preparation.spacing_mm)
    failures += odd
    set_aside = {failure.name for failure in odd}
    usable = [case for case in data.cases if case.name not in set_aside]
    require_usable("data", _ONE_CASE, usable, failures)
    discovery = Discovery(tuple(case.source for case in usable), ())
    scans = prepare_named(discovery, store, preparation, selection, workers, shown, cluster)
    failures += [Failure(case_of(item.name, usable), item.step, item.reason, item.do) for item in scans.failures]
    usable = [case for case in usable if case.source.name in scans.keys]
    classes = data.classes or classes_in(usable, shown)
    reader, cases = Store.open(store), {}
    with reader, Progress("preparing labels", len(usable), unit="cases", shown=shown) as progress:
        for case in usable:
            try:
                made = _prepare_case(case, reader, scans.keys[case.source.name], list(classes))
                cases[case.name] = replace(made, patient=scans.patients.get(case.source.name, ""))
            except ScanError as error:
                failures.append(failure_of(case.name, error))
            progress.advance()
    if not copies:
        failures += _set_aside_copies(cases)
    require_usable("data", _ONE_CASE, cases, failures)
    return PreparedCases(cases, classes, tuple(sorted(failures, key=lambda failure: failure.name)))


_ONE_CASE = "at least one case that can be used"


def _set_aside_copies(cases: dict[str, LabelledCase]) -> list[Failure]:
    """Removes cases that hold the scan and the labels of another one, which is then trained on once."""
    first: dict[Path, str] = {}
    copies: list[Failure] = []
    for name, case in list(cases.items()):
        other = first.setdefault(case.labels, name)
        if other != name:
            reason = f"the same scan and labels as {other}"
            copies.append(Failure(name, "read", reason, "nothing, or remove one of them from the data set"))
            del cases[name]
    return copies


def case_of(scan: str, cases: Iterable[Case]) -> str:
    """Returns the name of the case that a scan belongs to; the scan's own where it belongs to none."""
    return next((case.name for case in cases if case.source.name == scan), scan)


def label_counts(cases: Mapping[str, LabelledCase], names: Iterable[str]) -> Int64[np.ndarray, " classes"]:
    """Returns how many of the named cases have each class, background first."""
    counts: Int64[np.ndarray, " classes"] = np.sum([np.array(cases[name].voxels) > 0 for name in names], axis=0)
    return counts


def _prepare_case(case: Case, store: Store, key: str, values: list[int]) -> LabelledCase:
    scan = store.scan(key)
    grid = grid_geometry(scan.shape_vox, scan.spacing_mm, scan.origin_mm)
    path = cached_labels_path(store.folder, key, file_hash(case.labels), values)
    if not is_cached(path):
        indices, labels_grid = read_label_map(case, values)
        cache_labels(path, labels_on_grid(indices, len(values), labels_grid, grid), len(values))
    file_grid = apart(case.source.name, case.source.files, source_geometry, case.source)
    return LabelledCase(case, key, scan.content, scan.shape_vox, grid, file_grid, path, class_voxels(path))
