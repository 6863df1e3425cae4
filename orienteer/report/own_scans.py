"""The run's held-out scans, with which others are compared."""

from collections.abc import Collection, Sequence
from pathlib import Path

from orienteer.errors import InputError
from orienteer.progress import Progress
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import LoadedRun
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource
from orienteer.store.store import Store


def measure_own(loaded: LoadedRun, store: Store, most: int, sets: int) -> tuple[ScanMeasurement, ...]:
    """Returns measurements of held-out scans of the run.

    Scans that the model was trained on are no yardstick: it knows them by heart, and new sound scans would look faulty
    beside them.
    """
    keys = sorted(loaded.validation)[:most]
    headers = loaded.reader.own if loaded.reader is not None else {}
    measured = []
    with Progress("measuring the run's held-out scans", len(keys), unit="scans") as progress:
        for key in keys:
            measured.append(measure_scan(loaded, read_whole(store, key), sets, header=headers.get(key)))
            progress.advance()
    return tuple(measured)


def own_headers(loaded: LoadedRun, known: Collection[str] = ()) -> tuple[ScanMeasurement, ...]:
    """Returns what the header reader sees in scans of the run, each by a network that was not trained on it.

    Args:
        loaded: the run.
        known: keys of scans to leave out.
    """
    own = loaded.reader.own if loaded.reader is not None else {}
    return tuple(ScanMeasurement.of_header(key, own[key]) for key in sorted(own) if key not in known)


def open_own_store(loaded: LoadedRun, needed: bool) -> tuple[Store | None, tuple[str, ...]]:
    """Returns the run's store, or None and a note for the reader if it is missing.

    Raises:
        InputError: it is missing and ``needed``.
    """
    try:
        return loaded.open_store(), ()
    except InputError as error:
        if needed:
            raise InputError(
                error.what, wanted=error.wanted, got=error.got, do="restore the store, or name new scans with --scans"
            ) from None
        note = (
            "The run's own prepared scans are missing. Without them the new scans cannot be compared with scans of the "
            "run, and headers cannot be checked."
        )
        return None, (note,)


def heldout_source(loaded: LoadedRun, keys: Sequence[str]) -> ScanSource | None:
    """Returns the file of a held-out scan, if the folder of the run's scans still exists."""
    for key in keys:
        path = Path(loaded.config.scans or "", loaded.validation[key])
        if loaded.config.scans and path.is_file():
            return discover(path, progress=False).sources[0]
    return None


def training_modalities(loaded: LoadedRun, store: Store | None, own: Sequence[ScanMeasurement]) -> frozenset[str]:
    """Returns the modalities of the run's own scans; empty if they are not known."""
    if store is None:
        return frozenset({loaded.config.modality} - {"auto"})
    return frozenset(store.scan(scan.key).modality for scan in own)
