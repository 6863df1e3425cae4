"""The anatomy of a collection read by a run that is there."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from orienteer.auditing.anatomy import (
    Anatomy,
    findings_of,
    judge_among_themselves,
    measure_all,
    not_outstanding,
    rows_of,
)
from orienteer.cluster.connect import Cluster
from orienteer.features.pretrained import load
from orienteer.report.header_check import HeaderCheck, Verdict, calibrate
from orienteer.report.judging import judge_header
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.new_scans import prepare_new
from orienteer.report.own_scans import measure_own, open_own_store, own_headers, training_modalities
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.scans.source import Discovery, Selection
from orienteer.screening.findings import Finding
from orienteer.screening.outliers import outlier_findings
from orienteer.screening.screen import Screening
from orienteer.store.store import Store

OWN_SCANS = 24
"""Held-out scans of the run that its check is calibrated on."""

SETS = 8
"""View sets drawn from each scan."""

OVERLAP = 0.25
"""Least overlap of the views whose mean vector describes a scan."""


def judge_by_run(
    run: str | Path,
    screening: Screening,
    selection: Selection,
    workers: int | None,
    within: Path | None = None,
    cluster: Cluster | None = None,
) -> Anatomy:
    """Returns what a run reads off the anatomy of scans that it was not trained on, and which are unlike the others to it.

    The check of headers is calibrated on held-out scans of the run. Where its store is gone, it is calibrated on the
    collection itself, each scan by the others.

    Args:
        run: its folder.
        screening: the scans, and what files alone say of them.
        selection: how they are read.
        workers: processes that prepare them.
        within: where the prepared scans go, in a folder that is removed; by default the system's temporary folder.
        cluster: whose workers prepare them; by default this machine does.

    Raises:
        InputError: not a run folder.
    """
    loaded = load_run(run)
    own_store, notes = open_own_store(loaded, needed=False)
    with tempfile.TemporaryDirectory(dir=within, prefix="orienteer-") as temporary:
        folder = Path(temporary, "store")
        new = prepare_new(loaded, Discovery(screening.readable, ()), folder, selection, workers, cluster)
        if not new.keys:
            return Anatomy(
                notes=(*notes, "No scan can hold a view of the run: headers were not compared with anatomy.")
            )
        with Store.open(folder) as store:
            measured = list(measure_all(loaded, store, new.keys, SETS))
            odd = _odd(loaded, store, new.keys)
            own = measure_own(loaded, own_store, OWN_SCANS, SETS) if own_store is not None else ()
            modalities = training_modalities(loaded, own_store, own)
            own = (*own, *own_headers(loaded, [scan.key for scan in own]))
            check = calibrate(own)
            verdicts = _verdicts(loaded, store, check, measured, modalities)
    if check is not None:
        notes = (
            *notes,
            f"Headers were judged by {run}; its limits come from {len(own)} of its own scans that it was not trained on.",
        )
    elif measured:
        notes = (
            *notes,
            f"Headers were judged by {run}; its limits come from the collection itself, each scan by the others.",
        )
    seen = sorted({new.sources[key].name for key in new.keys if key in loaded.training})
    if seen:
        notes = (
            *notes,
            f"The run was trained on {len(seen)} of these scans, first {seen[0]}: it may not see their faults.",
        )
    unlike = {each.scan for each in odd}
    usual = not_outstanding(verdicts, measured) if check is None else frozenset()
    return Anatomy([*findings_of(verdicts, unlike, usual), *odd], rows_of(verdicts, unlike), notes)


def _verdicts(
    loaded: LoadedRun,
    store: Store,
    check: HeaderCheck | None,
    measured: Sequence[ScanMeasurement],
    modalities: frozenset[str],
) -> dict[str, Verdict]:
    """Returns the verdict on each scan by its name; without limits of the run, each is judged by the others."""
    if check is None:
        return judge_among_themselves(measured)
    able = [scan for scan in measured if scan.fits or scan.header is not None]
    return {scan.name: judge_header(loaded, check, read_whole(store, scan.key), scan, modalities)[1] for scan in able}


def _odd(loaded: LoadedRun, store: Store, keys: tuple[str, ...]) -> list[Finding]:
    """Returns the scans that are unlike the others by the run's features."""
    encoder = load(loaded.folder)
    vectors = []
    for key in keys:
        vector = encoder.view_vectors(store, key, OVERLAP).vectors.mean(0)
        vectors.append(vector / max(float(np.linalg.norm(vector)), 1e-9))
    return outlier_findings(
        [store.scan(key).name for key in keys], np.stack(vectors).astype(np.float32), "by the run's features"
    )
