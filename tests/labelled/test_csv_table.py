"""Tables as spreadsheets write them: separators, encodings, empty rows, and lines in messages that are those of the file."""

import unicodedata
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.labelled.csv_table import read_table
from orienteer.labelled.label_csv import match_scans, read_label_csv
from orienteer.scans.source import ScanSource

TEXT = "scan,label\nMüller_1.nii.gz,krank\nMüller_2.nii.gz,gesund\n"
LABELS = {"Müller_1.nii.gz": "krank", "Müller_2.nii.gz": "gesund"}


def table(folder: Path, content: bytes | str) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_separator_and_encoding(tmp_path: Path, separator: str, encoding: str, line_end: str) -> None:
    text = TEXT.replace(",", separator).replace("\n", line_end)
    assert read_label_csv(table(tmp_path, text.encode(encoding))).labels == LABELS


def test_an_encoding_that_was_guessed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_label_csv(table(tmp_path, TEXT.encode("cp1252")))
    assert "is not UTF-8; it is read as Windows-1252" in capsys.readouterr().err
    with pytest.raises(InputError, match="save it as CSV UTF-8"):
        read_label_csv(table(tmp_path, b"scan,label\n\x81\x8d,x\n"))


def test_a_german_excel_table(tmp_path: Path) -> None:
    text = '\ufeffsep=;\r\nScan;Label;Alter;SPLIT\r\na.nii.gz;0,5;61,5;Train\r\n"b;c";1,5;;train\r\n;;;\r\nd;1,5;70;test\r\n'
    result = read_label_csv(table(tmp_path, text))
    assert result.labels == {"a.nii.gz": "0,5", "b;c": "1,5", "d": "1,5"}
    assert result.splits == {"a.nii.gz": "train", "b;c": "train", "d": "test"}


def test_a_patient_column_gives_groups(tmp_path: Path) -> None:
    result = read_label_csv(table(tmp_path, "scan,label,patient\na,x,P1\nb,y,P1\nc,y,\n"))
    assert result.groups == {"a": "P1", "b": "P1"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan,label\na,x\n\n\nb,\n", "line 5: wanted a value for label"),
        ('scan,label,note\na,x,"two\nlines"\nb,,\n', "line 4: wanted a value for label"),
        ("sep=,\nscan,label\na,x\nb,\n", "line 4: wanted a value for label"),
        ("scan,label\na,b.nii.gz,ill\n", "line 2: wanted one value for each column, got 3 values where the first line"),
        ('scan,label\n"a,x\nb,y\n', "line 3: wanted values with whole quotes"),
        ("scan,label,label\na,x,y\n", "got two columns label"),
        ("scan,label\na,ill\nb,Ill\n", "one spelling of each class in column label, got 'Ill' and 'ill'"),
        ("scan;label\na;1\nb;1,0\n", "one spelling of each class in column label, got '1' and '1,0'"),
        ("scan\tklasse\na\tx\n", "no column label among scan, klasse"),
    ],
)
def test_what_a_spreadsheet_spoils_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_label_csv(table(tmp_path, text))


def test_columns_that_are_not_asked_for_are_ignored(tmp_path: Path) -> None:
    rows = read_table(table(tmp_path, "a,b,c\n1,2\n"), ["b"], ["d"])
    assert [(row.line, row.values) for row in rows] == [(2, {"b": "2"})]


def test_scans_are_found_whatever_system_wrote_their_names() -> None:
    name = unicodedata.normalize("NFD", "ct/Müller.nii.gz")
    source = ScanSource(name, "NIfTI", (Path(name),))
    for written in ("ct\\Müller.nii.gz", "./ct/Müller", unicodedata.normalize("NFC", name)):
        assert match_scans("labels.csv", [written], [source], "scans") == {written: source}
