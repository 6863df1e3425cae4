"""What wrote a DICOM object: the same words in segmentations and reports."""

import warnings
from pathlib import Path
from typing import Any

from orienteer.files import replacing, room_for

MAKER = "orienteer"

UTF_8 = "ISO_IR 192"

LONGEST_NAME = 64
"""Characters of a text whose value representation is LO."""


def short_text(text: str, otherwise: str) -> str:
    r"""Returns a text as an element of the representation LO holds it: 64 characters, no control characters, no backslash.

    Args:
        text: what a user wrote.
        otherwise: for an empty one.

    Example:
        >>> short_text("left\\lung\n", "label 1"), short_text(" ", "label 1")
        ('left/lung', 'label 1')
    """
    plain = "".join(letter for letter in text.replace("\\", "/") if letter.isprintable()).strip()
    return plain[:LONGEST_NAME].strip() or otherwise


def identified(sha256: str) -> str:
    """Returns by what the weights of a network are known: the beginning of their hash.

    Example:
        >>> identified("0123456789abcdef0123")
        '0123456789ab'
    """
    return sha256[:12] or "unknown"


def save(path: Path, dataset: Any) -> None:
    """Writes a DICOM object, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    do = "free some disk space, then run the same command again"
    with room_for("a DICOM object", path, do), replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about texts of the source that break its rules
        dataset.SpecificCharacterSet = UTF_8  # names of classes may have letters that the series' own set lacks
        dataset.save_as(temporary, enforce_file_format=True)
