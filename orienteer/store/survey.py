"""A survey of the scans of a folder: their sizes, and the spacing and view size that suit them, each with its reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from orienteer.errors import InputError
from orienteer.scans.source import ScanHeader
from orienteer.store.disk import BYTES_PER_VOXEL
from orienteer.types import Triple, TripleMm

VIEW_SHARE_OF_EXTENT = 0.55
"""A view covers at most this share of a typical scan, so that two views of one scan can lie apart."""

LEAST_SHARE_OF_EXTENT = 0.5
"""A view covers at least this share of a typical scan, so that it shows enough anatomy to be located. On abdominal CT, views of
160 mm are located within steps in which views of 125 mm, a share of 0.4, hardly are (docs/methods.md)."""

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Chosen(Generic[ValueT]):
    """A value that was chosen or given, with the reason in words."""

    value: ValueT
    why: str


@dataclass(frozen=True)
class Survey:
    """The settings of preparing scans and drawing views that suit the scans of a folder.

    Attributes:
        spacing_mm: voxel size of the store.
        view_size: size of a view in voxels.
        unit_mm: the length that networks see as 1.
        store_bytes: estimate of the disk space of the store.
        choices: spacing, view size and unit, each with its reason.
        too_small: scans that are smaller than a view, by name, with the reason.
    """

    spacing_mm: TripleMm
    view_size: Triple
    unit_mm: float
    store_bytes: int
    choices: dict[str, Chosen[Any]]
    too_small: dict[str, str]


def survey_scans(
    headers: Sequence[ScanHeader],
    divisor: Triple,
    least_view_vox: int,
    most_view_vox: int,
    spacing_mm: TripleMm | None = None,
    view_size: Triple | None = None,
    unit_mm: float | None = None,
) -> Survey:
    """Returns the settings that suit these scans. Arguments that are given are kept, the others are chosen.

    Args:
        headers: the scans' sizes and spacings.
        divisor: the view size must be a multiple of this (the encoder's).
        least_view_vox: shortest edge of a view that is of use to the encoder, voxels.
        most_view_vox: longest edge of a view that the machine can train on, voxels.

    Raises:
        InputError: no scan, or an impossible spacing.

    Example:
        >>> headers = [ScanHeader("a", "NIfTI", (128, 128, 96), (2.0, 2.0, 3.0), (256.0, 256.0, 288.0), "CT")]
        >>> survey = survey_scans(headers, divisor=(16, 16, 16), least_view_vox=32, most_view_vox=64)
        >>> survey.spacing_mm, survey.view_size, survey.unit_mm
        ((2.3, 2.3, 2.3), (48, 48, 64), 100.0)
    """
    if not headers:
        raise InputError(
            "scans", wanted="at least one readable scan", got="none", do="check the folder, --include and --exclude"
        )
    extents = np.array([header.extent_mm for header in headers])  # (scans, 3)
    typical, small = np.quantile(extents, 0.25, axis=0), np.quantile(extents, 0.05, axis=0)
    spacing = _spacing(headers, typical, most_view_vox, spacing_mm)
    view = _view_size(
        np.minimum(VIEW_SHARE_OF_EXTENT * typical, small),
        spacing.value,
        divisor,
        least_view_vox,
        most_view_vox,
        view_size,
    )
    unit = _unit(extents, view.value, spacing.value, unit_mm)
    voxels = float((extents / np.array(spacing.value)).prod(axis=1).sum())
    return Survey(
        spacing_mm=spacing.value,
        view_size=view.value,
        unit_mm=unit.value,
        store_bytes=int(voxels * BYTES_PER_VOXEL),
        choices={"spacing_mm": spacing, "view_size": view, "unit_mm": unit},
        too_small=_too_small(headers, spacing.value, view.value),
    )


def headers_table(headers: Sequence[ScanHeader]) -> str:
    """Returns a table of scans: how many of each format and modality, and the range of their shapes, spacings and extents."""
    lines = [f"{'format':<10} {'modality':<9} {'scans':>6}"]
    groups: dict[tuple[str, str], int] = {}
    for header in headers:
        key = (header.format, header.modality or "by voxels")
        groups[key] = groups.get(key, 0) + 1
    lines += [f"{form:<10} {modality:<9} {count:>6}" for (form, modality), count in sorted(groups.items())]
    lines += ["", f"{'':<22} {'least':>24} {'median':>24} {'most':>24}   (left-right x back-front x foot-head)"]
    rows = {
        "shape (voxels)": np.array([header.shape_vox for header in headers], dtype=float),
        "spacing (mm)": np.array([header.spacing_mm for header in headers]),
        "extent (mm)": np.array([header.extent_mm for header in headers]),
    }
    for name, values in rows.items():
        columns = [np.quantile(values, share, axis=0) for share in (0, 0.5, 1)]
        lines.append(f"{name:<22} " + " ".join(f"{_by(column):>24}" for column in columns))
    return "\n".join(lines)


def _spacing(
    headers: Sequence[ScanHeader], typical_mm: np.ndarray, most_view_vox: int, given: TripleMm | None
) -> Chosen[TripleMm]:
    if given is not None:
        if any(not length > 0 for length in given):
            raise InputError(
                "spacing_mm",
                wanted="three lengths above 0 mm",
                got=str(given),
                do="change spacing_mm to three lengths in mm",
            )
        return Chosen((float(given[0]), float(given[1]), float(given[2])), "as given")
    native = float(np.median([math.prod(header.spacing_mm) ** (1 / 3) for header in headers]))
    needed = LEAST_SHARE_OF_EXTENT * float(np.median(typical_mm)) / most_view_vox
    if needed > native:
        why = (
            f"coarser than the median voxel of {native:.3g} mm, so that a view of {most_view_vox} voxels "
            f"spans {LEAST_SHARE_OF_EXTENT:.0%} of a typical scan"
        )
    else:
        why = "the median voxel edge of the scans (cube root of the voxel's volume)"
    edge = _rounded(max(needed, native))
    return Chosen((edge, edge, edge), why)


def _view_size(
    room_mm: np.ndarray, spacing_mm: TripleMm, divisor: Triple, least_vox: int, most_vox: int, given: Triple | None
) -> Chosen[Triple]:
    if given is not None:
        return Chosen(given, "as given")
    room = room_mm / np.array(spacing_mm)
    size = [
        max(math.ceil(least_vox / div), int(min(most_vox, edge) // div)) * div
        for edge, div in zip(room.tolist(), divisor, strict=True)
    ]
    why = (
        f"at most {VIEW_SHARE_OF_EXTENT:.0%} of a typical scan, no larger than a small one, "
        f"{least_vox} to {most_vox} voxels along each axis, "
        f"in multiples of {_by(divisor)} for the encoder"
    )
    return Chosen((size[0], size[1], size[2]), why)


def _unit(extents_mm: np.ndarray, view_size: Triple, spacing_mm: TripleMm, given: float | None) -> Chosen[float]:
    if given is not None:
        return Chosen(float(given), "as given")
    # Two starts drawn uniformly from a range r along an axis lie r / sqrt(6) apart in the root mean square.
    room = np.clip(np.median(extents_mm, axis=0) - np.array(view_size) * np.array(spacing_mm), 1.0, None)
    gap = math.sqrt(float((room**2).sum()) / 6)
    return Chosen(_one_two_five(gap), f"the 1-2-5 step nearest to the usual gap between two views, {gap:.0f} mm")


def _too_small(headers: Sequence[ScanHeader], spacing_mm: TripleMm, view_size: Triple) -> dict[str, str]:
    reasons = {}
    for header in headers:
        shape = np.round(np.array(header.extent_mm) / np.array(spacing_mm))
        if (shape < np.array(view_size)).any():
            reasons[header.name] = f"{_by(shape)} voxels at {spacing_mm[0]:g} mm, a view needs {_by(view_size)}"
    return reasons


def _rounded(length: float) -> float:
    digits = 1 - math.floor(math.log10(length))
    return round(length, digits)


def _one_two_five(length: float) -> float:
    power = 10.0 ** math.floor(math.log10(length))
    return min((step * power for step in (1.0, 2.0, 5.0, 10.0)), key=lambda step: abs(math.log(step / length)))


def _by(values: Sequence[float] | Sequence[int] | np.ndarray) -> str:
    return " x ".join(f"{value:.3g}" for value in values)
