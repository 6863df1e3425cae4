"""Scans of a folder, prepared into a store, with the key of each by its name in the folder."""

from dataclasses import dataclass, field
from pathlib import Path

from orienteer.cluster.connect import Cluster
from orienteer.labelled.failures import require_usable
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Discovery, Selection
from orienteer.store.outcomes import Failure
from orienteer.store.prepare_folder import prepare_folder


@dataclass(frozen=True)
class PreparedScans:
    """The scans of a folder after preparation.

    Attributes:
        keys: key in the store by name in the folder, sorted by name. A scan that is there twice has two names.
        failures: scans that cannot be used, with the reason.
        patients: hash of the patient by name in the folder, where a DICOM header names one.
    """

    keys: dict[str, str]
    failures: tuple[Failure, ...]
    patients: dict[str, str] = field(default_factory=dict, repr=False)


def prepare_named(
    discovery: Discovery,
    store: str | Path,
    preparation: Preparation,
    selection: Selection | None = None,
    workers: int | None = None,
    shown: bool = True,
    cluster: Cluster | None = None,
) -> PreparedScans:
    """Prepares scans into a store and returns the key of each by name.

    The store identifies a scan by its content and keeps the name under which it was first prepared, perhaps in another folder.

    Raises:
        InputError: no scan at all can be used.
    """
    report = prepare_folder(discovery, store, selection, preparation, workers, progress=shown, cluster=cluster)
    require_usable("scans", "at least one that can be used", report.names, report.failures)
    return PreparedScans(dict(sorted(report.names.items())), report.failures, report.patients)
