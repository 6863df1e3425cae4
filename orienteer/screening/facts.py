"""Everything that one look at a scan's file gives: a small record, made in a worker process, from which rules judge."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from orienteer.errors import ScanError
from orienteer.scans.body import body_mask, bounding_box
from orienteer.scans.dicom import SliceHeader, read_slice_header
from orienteer.scans.label_maps import MOST_LABELS, are_labels, whole_numbers
from orienteer.scans.modality import guess_modality
from orienteer.scans.prepare_scan import scan_step
from orienteer.scans.read import file_grid, read_scan
from orienteer.scans.source import DICOM, Scan, ScanSource, Selection
from orienteer.screening.declared import Declared, declared_spacing
from orienteer.screening.low_resolution import LowResolution, low_resolution
from orienteer.screening.slice_facts import SliceFacts, slice_facts
from orienteer.screening.value_facts import ValueFacts, value_facts
from orienteer.types import Triple, TripleMm

FACTS_VERSION = 1
"""Goes up when facts are measured in another way, so that remembered ones are not mixed with new ones."""

THICK = 1.2
"""From this ratio of the longest to the other edges of a voxel on, slices lie across the longest."""


@dataclass(frozen=True)
class Refusal:
    """Why a scan cannot be used, in the words of reading."""

    step: str
    wanted: str
    got: str
    do: str


@dataclass(frozen=True)
class ScanFacts:
    """What one look at a scan gives.

    Attributes:
        name: of the scan.
        format: of its file.
        refusal: why it cannot be used; None if it can. The other facts are then None, or what is known.
        shape_vox: voxels along left-right, back-front, foot-head.
        spacing_mm: voxel size along the same axes.
        body_mm: extent of the body along the same axes.
        modality: by which it is judged.
        named_modality: what its header says, if anything.
        guessed_modality: what its values look like.
        warnings: what reading warns of.
        labels: whether it is a label map.
        slice_axis: the axis across which its slices lie.
        values: what its values say.
        slices: what its slices say, across ``slice_axis``.
        across: the same across the axis with the strongest ripple, where that is another one.
        across_axis: that axis.
        declared: what else its header says of the distance of slices.
    """

    name: str
    format: str
    refusal: Refusal | None = None
    shape_vox: Triple | None = None
    spacing_mm: TripleMm | None = None
    body_mm: TripleMm | None = None
    modality: str | None = None
    named_modality: str | None = None
    guessed_modality: str | None = None
    warnings: tuple[str, ...] = ()
    labels: bool = False
    slice_axis: int = 2
    values: ValueFacts | None = None
    slices: SliceFacts | None = None
    across: SliceFacts | None = None
    across_axis: int = 2
    declared: Declared | None = None

    @property
    def extent_mm(self) -> TripleMm | None:
        """Length that the voxels cover along each axis."""
        if self.shape_vox is None or self.spacing_mm is None:
            return None
        left, deep, high = (size * step for size, step in zip(self.shape_vox, self.spacing_mm, strict=True))
        return left, deep, high

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Looked:
    """A scan that was looked at: its facts, and a small copy of it where one was asked for."""

    facts: ScanFacts
    small: LowResolution | None = None


@dataclass(frozen=True)
class Look:
    """Looks at scans. In a worker process it is called once a scan.

    Attributes:
        selection: frame and modality.
        small: also make the small copy by which scans are compared with each other.
    """

    selection: Selection
    small: bool = False

    def __call__(self, source: ScanSource) -> Looked:
        """Returns what one look at a scan gives. A scan that cannot be used gives the reason, never an error."""
        named = _named_modality(source)
        try:
            with scan_step(source.name, "read"):
                scan = read_scan(source, self.selection)
        except ScanError as error:
            return Looked(_refused(source, self.selection, error, named))
        facts = facts_of(scan, source, named)
        return Looked(facts, low_resolution(scan) if self.small and not facts.labels else None)


def facts_of(scan: Scan, source: ScanSource | None = None, named: str | None = None) -> ScanFacts:
    """Returns the facts of a scan in memory.

    Args:
        scan: as it was read.
        source: its files, for what else their headers say.
        named: the modality that its header names.
    """
    axis = _slice_axis(scan, source)
    slices = slice_facts(scan.voxels, axis)
    across, across_axis = slices, axis
    for other in range(3):
        if other != axis and scan.voxels.shape[other] >= scan.voxels.shape[axis] // 4:
            facts = slice_facts(scan.voxels, other)
            if facts.ripple > across.ripple:
                across, across_axis = facts, other
    shape0, shape1, shape2 = scan.voxels.shape
    return ScanFacts(
        name=scan.name,
        format=scan.format,
        shape_vox=(shape0, shape1, shape2),
        spacing_mm=scan.spacing_mm,
        body_mm=_body_mm(scan),
        modality=scan.modality,
        named_modality=named,
        guessed_modality=guess_modality(scan.voxels),
        warnings=scan.warnings,
        labels=_labels(scan),
        slice_axis=axis,
        values=value_facts(scan.voxels, axis),
        slices=slices,
        across=across,
        across_axis=across_axis,
        declared=declared_spacing(source) if source is not None and source.format == DICOM else None,
    )


def _refused(source: ScanSource, selection: Selection, error: ScanError, named: str | None) -> ScanFacts:
    refusal = Refusal(error.step, error.wanted, error.got, error.do)
    return ScanFacts(source.name, source.format, refusal, modality=named, named_modality=named)


def _named_modality(source: ScanSource) -> str | None:
    if source.format != DICOM:
        return None
    header = read_slice_header(source.files[0])
    return header.modality if isinstance(header, SliceHeader) and header.modality in ("CT", "MR") else None


def _slice_axis(scan: Scan, source: ScanSource | None) -> int:
    """Returns the axis across which slices lie: that of the longest voxel edge, or the last axis of the file."""
    spacing = np.array(scan.spacing_mm)
    longest = int(spacing.argmax())
    if spacing[longest] >= THICK * np.delete(spacing, longest).max():
        return longest
    if source is None:
        return 2
    direction = np.abs(np.asarray(file_grid(source).direction_lps)[:, 2])
    return int(direction.argmax())


def _body_mm(scan: Scan) -> TripleMm:
    """Returns the extent of the body, of a scan without one that of the whole scan, from a coarse copy."""
    steps = [max(1, round(6.0 / length)) for length in scan.spacing_mm]
    voxels = np.ascontiguousarray(scan.voxels[:: steps[0], :: steps[1], :: steps[2]])
    left, deep, high = (step * length for step, length in zip(steps, scan.spacing_mm, strict=True))
    mask = body_mask(voxels, scan.modality, (left, deep, high))
    box = bounding_box(mask, (0, 0, 0)) if mask.any() else tuple(slice(0, size) for size in voxels.shape)
    across, depth, height = ((cut.stop - cut.start) * step for cut, step in zip(box, (left, deep, high), strict=True))
    return across, depth, height


def _labels(scan: Scan) -> bool:
    step = max(1, int((scan.voxels.size / 100_000) ** (1 / 3)))
    sample = whole_numbers(scan.voxels[::step, ::step, ::step])
    return sample is not None and np.unique(sample).size <= MOST_LABELS and are_labels(scan.voxels)
