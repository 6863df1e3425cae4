"""What a finding is: one thing that is or may be wrong with one scan, or with a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orienteer.types import Triple, TripleMm

Level = Literal["error", "warning", "note"]
"""error: training on it teaches something wrong. warning: look at it. note: good to know."""

LEVELS: tuple[Level, ...] = ("error", "warning", "note")

COLLECTION = "(the whole collection)"
"""Stands for the scan in findings that are about many scans at once."""


@dataclass(frozen=True)
class Correction:
    """What undoes a fault exactly, in terms of the array as it is read (RAS by its header).

    Attributes:
        axes: new axis a is the read axis ``axes[a]``.
        signs: -1 where new axis a then runs the other way.
        spacing_factor: true voxel size divided by the stated one, along the new axes.
        value_shift: added to every value.
    """

    axes: Triple = (0, 1, 2)
    signs: Triple = (1, 1, 1)
    spacing_factor: TripleMm = (1.0, 1.0, 1.0)
    value_shift: float = 0.0

    @property
    def words(self) -> str:
        """The correction in words.

        Example:
            >>> Correction(signs=(-1, 1, 1)).words
            'reverse left-right'
            >>> Correction(spacing_factor=(0.5, 0.5, 0.5), value_shift=-1024.0).words
            'multiply the voxel size by 0.5, add -1024 to the values'
        """
        names = ("left-right", "back-front", "foot-head")
        words = []
        if self.axes != (0, 1, 2):
            words.append(
                "take " + ", ".join(f"{names[old]} for {names[new]}" for new, old in enumerate(self.axes) if old != new)
            )
        turned = [names[axis] for axis, sign in enumerate(self.signs) if sign < 0]
        words += [f"reverse {' and '.join(turned)}"] if turned else []
        if len(set(self.spacing_factor)) == 1 and self.spacing_factor[0] != 1:
            words.append(f"multiply the voxel size by {self.spacing_factor[0]:g}")
        else:
            wrong = [(factor, axis) for axis, factor in enumerate(self.spacing_factor) if factor != 1]
            words += [f"multiply the voxel size {names[axis]} by {factor:g}" for factor, axis in wrong]
        words += [f"add {self.value_shift:g} to the values"] if self.value_shift else []
        return ", ".join(words)


@dataclass(frozen=True)
class Finding:
    """One thing that is or may be wrong.

    Attributes:
        scan: name of the scan; `COLLECTION` if it is about many.
        kind: which fault, a key of `KINDS`.
        level: how bad it is if it is true.
        what: what is wrong, in a sentence.
        evidence: the numbers that it follows from, with their units in the keys.
        sure: how sure it is, 0 to 1; 1 is a fact that can be read off the file.
        do: the next thing to try.
        correction: what undoes it exactly, where something does.
        others: other scans that it is about.
        at: where in the scan to look, as a share along each axis; the middle by default.
    """

    scan: str
    kind: str
    level: Level
    what: str
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    sure: float = 1.0
    do: str = ""
    correction: Correction | None = None
    others: tuple[str, ...] = ()
    at: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def certainty(self) -> str:
        """How sure it is, in a word."""
        return (
            "certain"
            if self.sure >= 1
            else "clear"
            if self.sure >= 0.95
            else "likely"
            if self.sure >= 0.7
            else "possible"
        )


KINDS: dict[str, str] = {
    "unreadable": "cannot be read",
    "empty": "empty",
    "not_finite": "values that are not finite",
    "units": "another unit of length",
    "spacing_contradiction": "voxel size that contradicts itself or the positions of slices",
    "slices_missing": "missing or uneven slices",
    "slices_twice": "several slices at one place",
    "tilt": "gantry tilt not corrected",
    "mixed_series": "slices of several scans in one",
    "hu_offset": "offset still in the values",
    "hu_offset_twice": "offset subtracted twice",
    "not_hu": "a CT whose values are not HU",
    "window_baked": "display window baked into the values",
    "clipped": "values clipped",
    "empty_slices": "empty slices",
    "slices_repeated": "slices repeated",
    "slices_out_of_order": "slices out of order",
    "noise": "noise without an image",
    "interpolated": "resampled from thicker slices",
    "burned_in": "lines or text burned in",
    "label_map": "a label map among the images",
    "modality": "wrong modality",
    "voxel_size": "voxel size far from the rest",
    "extent": "extent far from the rest",
    "label_geometry": "image and labels of different geometry",
    "label_missing": "scan or label map missing in the data set",
    "duplicate": "the same image twice",
    "same_person": "the same anatomy twice",
    "outlier": "unlike the rest",
    "orientation": "axes that do not fit the anatomy",
    "anatomy_voxel_size": "voxel size that does not fit the anatomy",
    "not_recognised": "anatomy not recognised",
    "header_note": "odd header",
    "not_comparable": "cannot be compared",
}
"""Every kind of finding, in words."""


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Returns findings sorted by level, then by how sure they are, then by scan.

    Example:
        >>> note, error = Finding("a", "clipped", "note", ""), Finding("b", "empty", "error", "")
        >>> worst_first([note, error])[0].scan
        'b'
    """
    return tuple(sorted(findings, key=lambda each: (LEVELS.index(each.level), -each.sure, each.kind, each.scan)))


def counts(findings: Sequence[Finding]) -> dict[Level, int]:
    """Returns how many findings there are of each level."""
    return {level: sum(each.level == level for each in findings) for level in LEVELS}
