"""Text that others wrote: shown without its control characters, and decoded whichever program saved it."""

import codecs
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, so that a name is read as another one."""

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, of bytes that are no text, and of line separators."""


def printable(text: str, keep: str = "") -> str:
    r"""Returns a text with its control characters written out, so that a name cannot move the cursor or fake a line.

    Args:
        text: what is to be shown.
        keep: control characters that stay as they are.

    Example:
        >>> printable("a\x1b[2Jb\nc"), printable("a\nb", keep="\n")
        ('a\\x1b[2Jb\\nc', 'a\nb')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or not _is_hidden(letter) else _written_out(letter) for letter in text)


def decoded(content: bytes) -> str:
    """Returns the text of a file: UTF-8, UTF-16 or UTF-32 with or without its byte-order mark.

    Raises:
        UnicodeDecodeError: another encoding.

    Example:
        >>> decoded("é".encode("utf-16")), decoded("e;f".encode("utf-16-le")), decoded("é".encode("utf-8-sig"))
        ('é', 'e;f', 'é')
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\0" in content[:200] and len(content) % 2 == 0:  # UTF-16 without a mark: every other byte of Latin text is 0
        return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be")
    return content.decode("utf-8")


def _is_hidden(letter: str) -> bool:
    return letter in _TURNING or unicodedata.category(letter) in _HIDDEN


def _written_out(letter: str) -> str:
    if 0xDC80 <= ord(letter) <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")
