"""What wrote a DICOM object, and texts as its elements hold them."""

import pydicom
import pytest

from orienteer.dicom.equipment import LONGEST_NAME, identified, save, short_text
from orienteer.errors import InputError


@pytest.mark.parametrize("text", ["x" * 100, "y" * 63 + " z", "a\\b", "a\x00\x1bb\n", "  a  "])
def test_a_text_fits_into_an_element(text):
    short = short_text(text, "label 1")
    assert 0 < len(short) <= LONGEST_NAME
    assert short == short.strip()
    assert short.isprintable()
    assert "\\" not in short


def test_weights_without_a_hash_are_called_unknown():
    assert (identified(""), identified("0123456789abcdef")) == ("unknown", "0123456789ab")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        save(tmp_path / "file" / "a.dcm", pydicom.Dataset())
