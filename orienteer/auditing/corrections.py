"""Corrected copies of scans: the proposals of an audit, written as new files beside the originals, never over them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from orienteer.auditing.scan_files import check_empty, paths_for, write_scan
from orienteer.progress import tracked
from orienteer.scans.apart import apart, preparing_bounds
from orienteer.scans.orient import turn_to_ras
from orienteer.scans.read import file_grid, read_scan
from orienteer.scans.source import Scan, ScanSource, Selection
from orienteer.screening.findings import Correction, Finding


def corrected(scan: Scan, correction: Correction) -> Scan:
    """Returns a scan with a fault undone; no value is interpolated.

    Example:
        >>> values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        >>> scan = Scan("a", values, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), np.eye(3), "CT", "NIfTI")
        >>> other = corrected(scan, Correction(signs=(-1, 1, 1), spacing_factor=(2.0, 1.0, 1.0)))
        >>> bool(other.voxels[0, 0, 0] == values[1, 0, 0]), other.spacing_mm
        (True, (2.0, 2.0, 3.0))
    """
    first, second, third = correction.axes
    turned = scan.voxels.transpose(first, second, third)
    backwards = tuple(slice(None, None, sign) for sign in correction.signs)
    voxels = np.ascontiguousarray(turned[backwards]) + np.float32(correction.value_shift)
    across, deep, high = _spacing(scan.spacing_mm, correction)
    return replace(scan, voxels=voxels, spacing_mm=(across, deep, high))


def proposed_affine(source: ScanSource, correction: Correction) -> Float64[np.ndarray, "4 4"]:
    """Returns the affine that the file's header should have: from its own voxel numbers to mm towards right, front and head.

    Args:
        source: the scan.
        correction: what undoes its fault.

    Raises:
        ScanError: a header that cannot be read.
    """
    grid = file_grid(source)
    turn, frame = turn_to_ras(grid.shape_vox, grid.spacing_mm, grid.origin_lps_mm, grid.direction_lps)
    to_read = np.eye(4)  # voxel numbers of the file -> those of the array as it is read
    to_read[:3] = _renumbered(turn.order, turn.flipped, frame.shape_vox)
    to_true = np.eye(4)  # -> those of the corrected array
    shape = [frame.shape_vox[axis] for axis in correction.axes]
    to_true[:3] = _renumbered(correction.axes, [sign < 0 for sign in correction.signs], shape)
    to_mm = np.eye(4)
    to_mm[:3, :3] = frame.axes * np.array(_spacing(frame.spacing_mm, correction))
    to_mm[:3, 3] = frame.origin_mm
    affine: Float64[np.ndarray, "4 4"] = to_mm @ to_true @ to_read
    return affine


def write_corrected(
    folder: str | Path, sources: Mapping[str, ScanSource], findings: Sequence[Finding], selection: Selection
) -> dict[str, Path]:
    """Writes a corrected NIfTI copy of every scan that has a correction, and returns the files by scan.

    Args:
        folder: a new or empty folder.
        sources: the scans by name.
        findings: with corrections.
        selection: how the scans are read.

    Raises:
        InputError: the folder holds something.
    """
    root = Path(folder)
    check_empty(root, "write_fixed")
    wanted = corrections_of(findings)
    wanted = {name: each for name, each in wanted.items() if name in sources}
    paths = paths_for(root, list(wanted))
    for name in tracked(list(wanted), "writing corrected copies", "scans"):
        source = sources[name]
        read = replace(selection, modality="MR") if any(each.value_shift for each in wanted[name]) else selection
        apart(name, source.files, _write, source, read, wanted[name], paths[name], bounds=preparing_bounds)
    return paths


def corrections_of(findings: Sequence[Finding]) -> dict[str, list[Correction]]:
    """Returns the corrections of each scan, the surest of each kind of fault only."""
    wanted: dict[str, dict[str, Correction]] = {}
    for finding in sorted(findings, key=lambda each: -each.sure):
        if finding.correction is not None:
            what = "values" if finding.correction.value_shift else "geometry"
            wanted.setdefault(finding.scan, {}).setdefault(what, finding.correction)
    return {name: list(each.values()) for name, each in wanted.items()}


def as_json(source: ScanSource, correction: Correction) -> dict[str, Any]:
    """Returns a correction as JSON values, with the affine that the header should have."""
    return {
        "words": correction.words,
        "axes": list(correction.axes),
        "signs": list(correction.signs),
        "spacing_factor": list(correction.spacing_factor),
        "value_shift": correction.value_shift,
        "affine_ras_mm": np.round(proposed_affine(source, correction), 6).tolist(),
    }


def _write(source: ScanSource, selection: Selection, corrections: Sequence[Correction], path: Path) -> None:
    scan = read_scan(source, selection)
    for correction in corrections:
        scan = corrected(scan, correction)
    write_scan(scan, path)


def _spacing(spacing_mm: Sequence[float], correction: Correction) -> tuple[float, float, float]:
    moved = [spacing_mm[axis] * factor for axis, factor in zip(correction.axes, correction.spacing_factor, strict=True)]
    return moved[0], moved[1], moved[2]


def _renumbered(order: Sequence[int], backwards: Sequence[bool], shape: Sequence[int]) -> Float64[np.ndarray, "3 4"]:
    """Returns the matrix from voxel numbers to those of an array with other axes: new axis a is ``order[a]``."""
    matrix = np.zeros((3, 4))
    for new, (old, turned, size) in enumerate(zip(order, backwards, shape, strict=True)):
        matrix[new, old] = -1 if turned else 1
        matrix[new, 3] = size - 1 if turned else 0
    return matrix
