"""The demonstration of a report: copies of one scan with faulty headers, observed like any other scan."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orienteer.errors import ScanError
from orienteer.report.faults import SOUND, Fault, write_faulty_copies
from orienteer.report.findings import ObservedScan
from orienteer.report.new_scans import NewScans, prepare_new
from orienteer.report.observer import Observer
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection

DEMONSTRATED = (SOUND, Fault(mirrored=(0,)), Fault(mirrored=(2,)), Fault(swapped=(0, 1)), Fault(spacing_factor=2.0))
"""What is wrong with the headers of the copies; the first is unchanged."""


def demonstrate(observer: Observer, source: ScanSource, folder: Path, selection: Selection) -> tuple[ObservedScan, ...]:
    """Returns observations of copies of one scan with faulty headers; none if the scan cannot be read.

    Args:
        observer: the run, with measurements of its own scans.
        source: the scan to copy.
        folder: for the copies and their store.
        selection: frame and modality of the scan.
    """
    try:
        write_faulty_copies(source, DEMONSTRATED, folder / "faulty", selection)
    except ScanError:
        return ()
    any_frame = replace(selection, frame=None)
    discovery = discover(folder / "faulty", any_frame, progress=False)
    copies = prepare_new(observer.loaded, discovery, folder / "demonstration", any_frame, workers=0)
    observed, _ = observer.observe_new(copies, drawn=0)
    order = [fault.name for fault in DEMONSTRATED]
    return tuple(
        sorted(observed, key=lambda scan: order.index(scan.measurement.name.removesuffix(".nii.gz").split(", ")[-1]))
    )


def demonstration_source(new: NewScans, observed: Sequence[ObservedScan]) -> ScanSource | None:
    """Returns the file of a new scan, preferably one that is not flagged: a fault on top of a fault shows little."""
    sound_first = sorted(observed, key=lambda scan: scan.flagged)
    return next((new.sources[s.measurement.key] for s in sound_first if s.measurement.key in new.sources), None)
