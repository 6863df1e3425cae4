"""Names on a terminal hold no control characters; text is read whichever program saved it."""

import pytest

from orienteer.errors import InputError
from orienteer.progress import say
from orienteer.text import decoded, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b]0;title\x07b", "a\\x1b]0;title\\x07b"),
        ("a\x9b2Jb", "a\\x9b2Jb"),
        ("a\r\nWARNING", "a\\r\\nWARNING"),
        ("gpj\u202e.nii", "gpj\\u202e.nii"),
        ("a\u2028b", "a\\u2028b"),
        ("m\udcfcller", "m\\xfcller"),
        ("Müller 肝 Δ.nii", "Müller 肝 Δ.nii"),
    ],
)
def test_control_characters_are_written_out(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(name) == shown
    assert shown in str(InputError(name, wanted="a", got="b", do="c"))
    say(name.replace("\n", ""))
    assert shown.replace("\\n", "") in capsys.readouterr().err


def test_lines_of_a_message_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\n\tb")
    assert capsys.readouterr().err == "a\n\tb\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["scan;label\nMüller;1\n", '{"labels": "é"}'])
def test_unicode_is_read_in_every_form(encoding: str, text: str) -> None:
    assert decoded(text.encode(encoding)) == text


def test_another_encoding_is_an_error() -> None:
    with pytest.raises(UnicodeDecodeError, match="can't decode"):
        decoded("Müller".encode("cp1252"))
