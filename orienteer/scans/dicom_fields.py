"""Single fields of a DICOM header, and what is wrong with those that cannot be read."""

import re
from collections.abc import Iterable

import numpy as np
import pydicom

_CODE = re.compile(r"[A-Za-z0-9_ ]{0,16}")
"""A value of type CS."""


class Fields:
    """Reads header fields, and notes the first one whose value is not of its kind.

    Attributes:
        fault: that field, its value and what is wrong with it, in words; None if nothing is.

    Example:
        >>> data = pydicom.Dataset()
        >>> data.PixelSpacing = [0.9, 0.8]
        >>> fields = Fields(data)
        >>> fields.numbers("PixelSpacing", 2), fields.numbers("PixelSpacing", 3), fields.fault
        ((0.9, 0.8), None, "PixelSpacing '0.9\\\\0.8' has 2 of 3 numbers")
    """

    def __init__(self, data: pydicom.Dataset) -> None:
        self._data = data
        self.fault: str | None = None

    def text(self, tag: str) -> str:
        """Returns a field as text; empty if it is missing."""
        words = self.words(tag)
        return "\\".join(words)

    def words(self, tag: str) -> list[str]:
        """Returns the values of a field as text; none if it is missing."""
        try:
            value = self._data.get(tag) or []
            return [str(value)] if isinstance(value, str | int | float) else [str(word) for word in value]
        except Exception:  # pydicom converts values when they are asked for, and raises errors of many kinds
            self.fault = self.fault or f"{tag} is not text"
            return []

    def code(self, tag: str) -> str:
        """Returns a field whose value is a word of the standard; empty if it is missing, or at fault.

        A length that lies may make the name of the patient part of a value: what is no code is not shown.
        """
        text = self.text(tag)
        if _CODE.fullmatch(text):
            return text
        self.fault = self.fault or f"{tag} is not a word of the standard"
        return ""

    def number(self, tag: str, default: float) -> float:
        """Returns a field as one number."""
        values = self.numbers(tag, 1)
        return default if values is None else values[0]

    def whole(self, tag: str, default: int) -> int:
        """Returns a field as one whole number."""
        return int(self.number(tag, float(default)))

    def numbers(self, tag: str, count: int) -> tuple[float, ...] | None:
        """Returns the numbers of a field; None if it is missing, empty, or at fault."""
        try:
            value = self._data.get(tag)
            if value is None or value == "" or (hasattr(value, "__len__") and len(value) == 0):
                return None
            values = tuple(float(number) for number in np.atleast_1d(np.asarray(value, dtype=np.float64)))
        except Exception:
            self._note(tag, "is not a number" if count == 1 else f"is not {count} numbers")
            return None
        if len(values) != count:
            self._note(tag, f"has {len(values)} of {count} numbers")
            return None
        if not np.isfinite(values).all():
            self._note(tag, "is not finite")
            return None
        return values

    def _note(self, tag: str, words: str) -> None:
        value = getattr(self._data.get_item(tag), "value", b"") if tag in self._data else b""
        if isinstance(value, bytes):
            text = value.decode("latin-1")
        else:
            several = isinstance(value, Iterable) and not isinstance(value, str)
            text = "\\".join(map(str, value)) if several else str(value)
        # A length that lies makes the fields that follow part of a value, tags and all, which are no text.
        text = text.strip("\0 ")
        shown = f"{tag} '{text[:40]}'" if text.isascii() and text.isprintable() else tag
        self.fault = self.fault or f"{shown} {words}"
