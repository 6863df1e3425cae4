"""The command `prepare`: prepares a folder of scans as `pretrain` would, before any training."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Unpack

from orienteer.cluster.connect import connected
from orienteer.devices import Accelerator
from orienteer.errors import InputError
from orienteer.pretraining.resolve import resolve_config
from orienteer.pretraining.usable import say_patients
from orienteer.runs.config import make_config
from orienteer.runs.keywords import PrepareKeywords
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings, plain
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.prepare_report import PrepareReport
from orienteer.store.shard import shard_of


@dataclass(frozen=True)
class PrepareSettings(Preparation, Selection):
    """The settings of `orienteer.prepare`, beside its two folders."""

    ct_window_hu: tuple[float, float] | None = None  # type: ignore[assignment]
    """CT: the HU that become -1 and 1. Values beyond are clipped. By default chosen from the values of the scans."""
    encoder: str = "auto"
    """The network that will be trained: where no spacing is given, it is chosen so that this network's views fit."""
    accelerator: Accelerator = "auto"
    """Where training will run: larger views, and with them finer voxels, are chosen where there is a GPU."""
    group_by: str | None = None
    """Which scans are of one patient, to see how many there are before training: a regular expression over their names, as for
    `pretrain`. It does not change what is prepared."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core. 0 works in this process."""
    cluster: str | None = None
    """Where the work is done: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue."""
    shard: str | None = None
    """K/N: prepares the K-th of N parts of the scans, each part into a store of its own; `orienteer merge` joins these.
    Settings that are left open are chosen from all scans."""

    def __post_init__(self) -> None:
        given = {item.name: getattr(self, item.name) for item in fields(Preparation)}
        Preparation(**{name: value for name, value in given.items() if value is not None})  # checks them


def prepare(
    scans: str | Path | None = None, store: str | Path | None = None, **settings: Unpack[PrepareKeywords]
) -> PrepareReport:
    """Prepares a folder of scans into a store that runs can share, and returns a report.

    Pretraining does this by itself. Prepared beforehand, on one machine for many runs or for a cluster, the scans are not
    prepared again: give `pretrain` the same store, and the same of the settings below.

    Args:
        scans: folder of NIfTI, NRRD, MetaImage files or DICOM series; subfolders too.
        store: folder to make or to add to.
        **settings: any field of `PrepareSettings`, as on the command line.

    Raises:
        InputError: no folder, no readable scan, a full disk, or a store that another process is writing.
        KeyboardInterrupt: Ctrl-C; finished scans are kept, and the next call continues.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=2, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
        ...     report = prepare(f"{folder}/scans", f"{folder}/store", workers=0)
        >>> report.prepared, len(report.keys)
        (2, 2)
    """
    chosen = make_settings(PrepareSettings, settings)
    if scans is None or store is None:
        missing, wanted = ("scans", "a folder of scans") if scans is None else ("store", "a folder for prepared scans")
        do = "name both: orienteer prepare SCANS --store STORE"
        raise InputError(missing, wanted=wanted, got="none", do=do)
    known = {key: value for key, value in plain(chosen).items() if key not in ("workers", "cluster", "shard")}
    with connected(chosen.cluster, store) as cluster:
        resolved = resolve_config(make_config({**known, "scans": str(scans)}))
        selection, preparation = resolved.config.part(Selection), resolved.config.preparation
        discovery = shard_of(resolved.discovery, chosen.shard)
        report = prepare_folder(discovery, store, selection, preparation, chosen.workers, cluster=cluster)
    say_patients(report.keys, report, chosen.group_by)
    return report
