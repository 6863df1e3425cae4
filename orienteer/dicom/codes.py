"""Coded names: what a label map calls a class, in the terms of the standard where it has one for it.

Classes are looked up in the context group 7192 (anatomical structures) of DICOM PS3.16. Others get a code of a scheme of ours,
and the category that says nothing about anatomy.
"""

import re
from functools import cache
from typing import NamedTuple

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from orienteer.dicom.equipment import short_text

OUR_SCHEME = "99ORIENTEER"
"""Designators that begin with 99 are private (PS3.16, 8.2)."""

SIDES = {"left": "Left", "right": "Right"}


class CodedClass(NamedTuple):
    """What a class is, in codes.

    Attributes:
        category: anatomical structure, or a spatial concept where nothing more is known.
        kind: the structure.
        side: left or right, where the name says so and the code of the structure does not.
    """

    category: Code
    kind: Code
    side: Code | None = None


def coded_class(name: str, value: int) -> CodedClass:
    """Returns the codes of a class.

    Args:
        name: as the data set calls it.
        value: its value in label maps, which identifies a class that the standard does not know.

    Example:
        >>> coded = coded_class("kidney_left", 3)
        >>> coded.kind.meaning, coded.side.meaning, coded.category.meaning
        ('Kidney', 'Left', 'Anatomical Structure')
        >>> coded_class("thing", 4).kind.value
        'label-4'
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    structure = _structures().get("".join(words))
    if structure is not None:
        return CodedClass(codes.SCT.AnatomicalStructure, structure)
    sides = [word for word in words if word in SIDES]
    structure = _structures().get("".join(word for word in words if word not in SIDES))
    if structure is not None and len(sides) == 1:
        return CodedClass(codes.SCT.AnatomicalStructure, structure, getattr(codes.SCT, SIDES[sides[0]]))
    return CodedClass(codes.SCT.SpatialAndRelationalConcept, our_code(f"label-{value}", name))


def our_code(value: str, meaning: str) -> Code:
    """Returns a code of our scheme.

    Args:
        value: at most 16 characters.
        meaning: text for a person; what the standard does not allow in it is left out.
    """
    return Code(value, OUR_SCHEME, short_text(meaning, value))


@cache
def _structures() -> dict[str, Code]:
    """Returns the anatomical structures of the standard by name, in small letters without blanks."""
    group = codes.cid7192
    return {keyword.lower(): getattr(group, keyword) for keyword in group.dir()}
