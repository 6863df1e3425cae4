"""The fields of a NIfTI-1 header that decide where voxels lie and what they are worth, checked against each other.

Layout and meaning as in nifti1.h: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from jaxtyping import Float64

from orienteer.scans.file_content import HEADER_BYTES, damage_in_words, opened
from orienteer.scans.refuse import refuse

SPACING_TOLERANCE = 0.01
"""A share. Two spacings in one header may differ by rounding only: 1 % is 5 mm over half a metre."""

SAME_PLACE = 0.1
"""Share of a voxel by which the corners may lie apart by two affines of one header."""

LARGEST_TURN_DEG = 45.0
"""Beyond this, two affines do not agree which axis is left-right."""

DATA_TYPES = {
    **{2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"},
    **{32: "c8", 1792: "c16", 128: "V3", 2304: "V4"},
}
"""numpy's types by NIfTI's numbers: real ones, complex ones, colours."""

LABELS = 1002
"""NIFTI_INTENT_LABEL."""

LARGEST_QUATERNION = 1.001
"""Squares of the three numbers of a unit quaternion that are stored, with rounding. Readers differ about larger ones."""

LEAST_SLOPE = 1e-15
"""Smaller slopes are taken for none by ITK, and applied by nibabel."""

SCANNER = 1
"""The code of an affine to the coordinates of the scanner."""

UNITS = {1: "m", 3: "um"}
"""xyzt_units that are converted."""

MM_UNITS = (0, 2)
"""xyzt_units that say nothing, and mm."""

Affine = Float64[np.ndarray, "3 4"]


class NiftiHeader(NamedTuple):
    """The fields that are checked here.

    Attributes:
        sizes: voxels along all axes that the header counts.
        kind: type of a value.
        offset: bytes before the first voxel, in the file that holds the voxels.
        pixdim: the first three spacings, without units.
        sform: voxel to position, towards right, front, head; None if not in use.
        qform: the same by its quaternion.
        sform_code: what the sform leads to; 0 if not in use.
        units: of length.
        scaling: slope and intercept.
        pair: whether the voxels lie in another file.
        labels: whether the header says that the values are labels.
        empty_axis: the first axis after the third whose size is not above 0, counted from 1; 0 if there is none.
    """

    sizes: tuple[int, ...]
    kind: "np.dtype[Any]"
    offset: int
    pixdim: tuple[float, ...]
    sform: "Affine | None"
    qform: "Affine | None"
    sform_code: int
    units: int
    scaling: tuple[float, float]
    pair: bool
    labels: bool
    empty_axis: int = 0

    @property
    def scaled(self) -> bool:
        """Whether values are computed from those stored, by slope and intercept."""
        slope, intercept = self.scaling
        return math.isfinite(slope) and slope != 0 and (slope, intercept) != (1.0, 0.0)

    @property
    def bytes_promised(self) -> int:
        """How long the file with the voxels must be, decompressed."""
        return self.offset + math.prod(self.sizes) * self.kind.itemsize

    @property
    def slice_bytes(self) -> int:
        """Bytes of one slice."""
        return math.prod(self.sizes[:2]) * self.kind.itemsize


def read_nifti_header(name: str, path: Path) -> NiftiHeader:
    """Returns the header of a NIfTI file. Reads a few hundred bytes.

    Args:
        name: of the scan, for messages.
        path: the file, or the header of a pair.

    Raises:
        ScanError: it is none, or its sizes, type or offset cannot be.
    """
    raw = _first_bytes(name, path)
    order = next((mark for mark in "<>" if struct.unpack_from(f"{mark}i", raw)[0] == 348), None)
    pair = raw[344:347] == b"ni1"
    if order is None or not (pair or raw[344:347] == b"n+1"):
        _refuse_kind(name, raw, order)

    def field(letters: str, place: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + letters, raw, place)

    dimensions, (kind,), (offset,) = field("8h", 40), field("h", 70), field("f", 108)
    sizes = dimensions[1 : 1 + max(0, dimensions[0])]
    if not 1 <= dimensions[0] <= 7 or min(sizes[:3]) < 1:
        got = f"{dimensions[0]} axes of {', '.join(str(size) for size in sizes) or 'no size'}"
        refuse(name, "sizes of one voxel or more along up to 7 axes", got, "correct dim in the header")
    if kind not in DATA_TYPES:
        refuse(name, "a data type of NIfTI", f"datatype {kind}", "save it with another type, such as int16 or float32")
    if not (offset == 0 and pair) and not 0 <= offset - (0 if pair else 352) < 1 << 31:
        got, do = f"vox_offset {offset:g}", "write the file again, with nibabel for example"
        refuse(name, f"voxels that begin at byte {0 if pair else 352} or later", got, do)
    quaternion, rows = field("6f", 256), field("12f", 280)
    pixdim, (qform_code, sform_code) = field("8f", 76), field("2h", 252)
    sform = np.reshape(np.array(rows, dtype=np.float64), (3, 4))
    return NiftiHeader(
        sizes=tuple(max(1, size) for size in sizes),
        kind=np.dtype(f"{order}{DATA_TYPES[kind]}"),
        offset=int(offset),
        pixdim=tuple(pixdim[1:4][: len(sizes)]),
        sform=sform if sform_code > 0 else None,
        qform=_qform(quaternion, pixdim) if qform_code > 0 else None,
        sform_code=max(0, sform_code),
        units=raw[123] & 0b111,
        scaling=field("2f", 112),
        pair=pair,
        labels=field("h", 68)[0] == LABELS,
        empty_axis=next((axis for axis, size in enumerate(sizes, 1) if size < 1), 0),
    )


def check_nifti_header(name: str, header: NiftiHeader) -> tuple[str, ...]:
    """Refuses a header that contradicts itself about places or values, and returns what is odd but can be decided.

    Raises:
        ScanError: spacings that are zero, negative, or two different ones; affines that do not agree about left and right;
            a scaling that readers understand differently.
    """
    check_spacing(name, header.pixdim, "pixdim")
    _check_scaling(name, *header.scaling)
    for field, affine in (("qform", header.qform), ("sform", header.sform)):
        if affine is not None and not np.isfinite(affine).all():
            do = "find out where the scan lies, and write the file again"
            refuse(name, f"finite numbers in the {field}", "numbers that are not finite, or no quaternion", do)
    notes = []
    if header.units in UNITS:
        unit = UNITS[header.units]
        notes.append(f"lengths in {unit} (xyzt_units), converted to mm as ITK does; nibabel does not")
    elif header.units not in MM_UNITS:
        notes.append(f"lengths in a unit that NIfTI does not know (xyzt_units {header.units}), taken for mm")
    if header.empty_axis:
        notes.append(f"size 0 along axis {header.empty_axis} (dim), taken for 1 as ITK does")
    if header.sform is None and header.qform is None:
        notes.append(
            "neither sform nor qform is set: its axes are taken to run to the left, back and head, as ITK does; "
            "nibabel takes left, front and head"
        )
    if header.sform is not None:
        _check_sform_spacing(name, header.sform, header.pixdim)
        if header.qform is not None and len(header.sizes) >= 3:
            notes += _two_affines(name, header)
    return tuple(notes)


def check_spacing(name: str, spacing: tuple[float, ...], field: str) -> None:
    """Refuses spacings that are not all finite and above zero.

    Raises:
        ScanError: one of the first three is not.
    """
    if not all(np.isfinite(length) and length > 0 for length in spacing[:3]):
        got = f"{tuple(round(length, 4) for length in spacing)} in {field}"
        refuse(name, "voxel spacings above zero", got, "correct the header; without it positions in mm are unknown")


def _check_sform_spacing(name: str, sform: Affine, pixdim: tuple[float, ...]) -> None:
    lengths = tuple(float(length) for length in np.linalg.norm(sform[:, :3], axis=0))[: len(pixdim)]
    if not np.allclose(lengths, pixdim, rtol=SPACING_TOLERANCE, atol=0):
        in_sform, in_pixdim = (tuple(round(length, 4) for length in pair) for pair in (lengths, pixdim))
        got = f"{in_pixdim} in pixdim and {in_sform} in the sform"
        refuse(name, "one voxel spacing in the header", got, "find out which is right and write the file again")


def _check_scaling(name: str, slope: float, intercept: float) -> None:
    """Refuses what nibabel and ITK understand differently: no usable slope, but an intercept."""
    used = math.isfinite(slope) and abs(slope) > LEAST_SLOPE and math.isfinite(intercept)
    unused = (slope == 0 or math.isnan(slope)) and (intercept == 0 or math.isnan(intercept))
    if not (used or unused):
        got = f"scl_slope {slope:g} with scl_inter {intercept:g}"
        refuse(name, "one scaling of the values", got, "find out what the values are and write the file again")


def _two_affines(name: str, header: NiftiHeader) -> list[str]:
    """Returns a note where sform and qform place the voxels differently; refuses if they differ about the axes."""
    sform, qform = header.sform, header.qform
    assert sform is not None
    assert qform is not None
    ends = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64)
    ends[:, :3] *= np.array(header.sizes[:3]) - 1
    apart_mm = float(np.linalg.norm(ends @ (sform - qform).T, axis=1).max())
    if apart_mm <= SAME_PLACE * min(header.pixdim):
        return []
    turn = _unit(sform).T @ _unit(qform)
    mirrored = np.linalg.det(turn) < 0
    turned_deg = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    if mirrored or not turned_deg <= LARGEST_TURN_DEG:
        how = (
            "that are mirror images of each other" if mirrored else f"turned by {turned_deg:.0f} degrees to each other"
        )
        do = "find out which is right, and write it into both (nibabel: set_sform, set_qform)"
        refuse(name, "one direction in the header", f"sform and qform {how}", do)
    used = "sform" if header.sform_code == SCANNER else "qform"
    others = "" if used == "sform" else "; nibabel uses the sform"
    return [f"sform and qform place voxels up to {apart_mm:.3g} mm apart; the {used} is used, as in ITK{others}"]


def _unit(affine: Affine) -> Float64[np.ndarray, "3 3"]:
    unit: Float64[np.ndarray, "3 3"] = affine[:, :3] / np.linalg.norm(affine[:, :3], axis=0)
    return unit


def _qform(quaternion: tuple[float, ...], pixdim: tuple[float, ...]) -> Affine:
    """Returns the affine of method 2 in nifti1.h: b, c, d of a unit quaternion, an offset, and a sign for the third axis."""
    b, c, d, *offset = (float(number) for number in quaternion)
    if not np.isfinite([*quaternion, *pixdim[1:4]]).all() or b * b + c * c + d * d > LARGEST_QUATERNION:
        return np.full((3, 4), np.nan)
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sign = -1.0 if pixdim[0] < 0 else 1.0
    return np.column_stack([turn * np.array(pixdim[1:4]) * (1.0, 1.0, sign), offset])


def _first_bytes(name: str, path: Path) -> bytes:
    """Returns the first bytes, decompressed if need be, padded with zeros if there are fewer."""
    try:
        with opened(path) as file:
            start = file.read(HEADER_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        refuse(name, "a whole gzip file", f"a broken one ({damage_in_words(error)})", "copy or download it again")
    if len(start) < 348:
        refuse(name, "a NIfTI file", f"{len(start)} bytes, fewer than its header has", "copy or download it again")
    return start.ljust(HEADER_BYTES, b"\0")


def _refuse_kind(name: str, raw: bytes, order: str | None) -> NoReturn:
    if raw[4:7] in (b"n+2", b"ni2"):
        refuse(name, "a NIfTI file", "a NIfTI-2 file, which SimpleITK does not read", "save it as NIfTI-1")
    if order is not None:
        got = "an Analyze 7.5 header, which does not say where left and right are"
        refuse(name, "a NIfTI file", got, "convert it to NIfTI with a program that knows how it was written")
    refuse(name, "a NIfTI file", "a file that does not begin like one", "check what the file holds")
