"""Asserts that a scan is refused in the right way."""

from pathlib import Path

import pytest

from orienteer.errors import ScanError
from orienteer.scans.read import read_scan
from orienteer.scans.source import ScanSource, Selection
from tests.helpers.files import PATIENT, only_scan


def refused(source: ScanSource, words: str, selection: Selection | None = None) -> ScanError:
    """Asserts that reading fails with these words, at the step ``read``, in one line that begins with the scan's name."""
    with pytest.raises(ScanError, match=words) as caught:
        read_scan(source, selection)
    message = str(caught.value)
    assert caught.value.step == "read"
    assert message.startswith(source.name)
    assert "\n" not in message
    assert len(message) < 400
    return caught.value


def series_refused(folder: Path, words: str) -> None:
    """Asserts that the one DICOM series of a folder is refused with these words, and that its patient is not named."""
    assert PATIENT not in str(refused(only_scan(folder), words))
