"""Prepares one scan in a process of its own: damaged voxels can crash or stall the native readers as a header can."""

from orienteer.scans.apart import apart
from orienteer.scans.memory import preparing_bounds
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import PreparedArrays, prepare_scan
from orienteer.scans.source import ScanSource, Selection


def prepare_scan_apart(source: ScanSource, selection: Selection, preparation: Preparation) -> PreparedArrays:
    """Returns one scan as `prepare_scan` does.

    Raises:
        ScanError: the scan cannot be used, or preparing it ended the process.
        InputError: the preparation has no spacing yet.
    """
    files = (*source.files, *source.companions)
    return apart(source.name, files, prepare_scan, source, selection, preparation, bounds=preparing_bounds)
