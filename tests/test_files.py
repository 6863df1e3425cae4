"""Files are whole or not there, whoever writes at the same time; a lock dies with its holder."""

import errno
import os
import pickle
import sys
import threading
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.files import (
    NotWritten,
    csv_rows,
    csv_text,
    is_leftover,
    read_json,
    read_yaml,
    replacing,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)

SIZE, ROUNDS = 200_000, 60


def write_often(path: Path, letter: str, failures: list[str]) -> None:
    try:
        for _ in range(ROUNDS):
            write_bytes(path, letter.encode() * SIZE)
    except OSError as error:
        failures.append(str(error))


def write_often_process(path: Path, letter: str) -> None:
    failures: list[str] = []
    write_often(path, letter, failures)
    sys.exit(1 if failures else 0)


def assert_always_whole(path: Path, alive: Callable[[], bool]) -> int:
    """Reads until the writers have ended; every content that is seen is one letter, in full length."""
    reads = 0
    while alive():
        if path.exists():
            content = path.read_bytes()
            assert len(content) == SIZE
            assert len(set(content)) == 1
            reads += 1
    return reads


def test_two_processes_write_one_file_and_a_third_reads_it_whole(tmp_path: Path) -> None:
    path, context = tmp_path / "shared.json", get_context("spawn")
    writers = [context.Process(target=write_often_process, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    reads = assert_always_whole(path, lambda: any(writer.is_alive() for writer in writers))
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert reads > 0
    assert [file.name for file in tmp_path.iterdir()] == ["shared.json"]


def test_two_threads_write_one_file(tmp_path: Path) -> None:
    path, failures = tmp_path / "shared.json", list[str]()
    writers = [threading.Thread(target=write_often, args=(path, letter, failures)) for letter in "ab"]
    for writer in writers:
        writer.start()
    assert_always_whole(path, lambda: any(writer.is_alive() for writer in writers))
    assert not failures


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "earlier")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_text(path, "later")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "earlier"


def test_a_library_writes_to_a_temporary_file_with_the_ending_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    with replacing(path, suffix=".npy") as temporary:
        assert temporary.parent == tmp_path
        assert is_leftover(temporary)
        np.save(temporary, np.arange(3))
        assert not path.exists()
    assert np.load(path).tolist() == [0, 1, 2]


def test_an_error_while_a_library_writes_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("earlier")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_forms_of_json_and_csv(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "a.json", {"views": (1, 2)}, indent=None)
    assert (tmp_path / "new" / "a.json").read_text() == '{"views": [1, 2]}\n'
    write_csv(tmp_path / "a.csv", ["scan", "mm"], [['a "b"', 1.5], ["c\nd", None]])
    assert (tmp_path / "a.csv").read_bytes() == b'scan,mm\n"a ""b""",1.5\n"c\nd",\n'
    assert csv_text(["scan"], []) == "scan\n"


@pytest.mark.parametrize(
    ("name", "leftover"),
    [(".a.json.12-3-0.part", True), (".a.nii.gz.12-3-0.part.nii.gz", True), ("a.part", False), (".lock", False)],
)
def test_leftovers_are_known_by_their_names(name: str, leftover: bool) -> None:
    assert is_leftover(Path(name)) is leftover


def test_a_formula_in_a_table_is_text_and_comes_back(tmp_path: Path) -> None:
    cells = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\tx",
        "'=x",
        "''+y",
        "'quoted",
        "-1.5",
        "-inf",
        "a=b",
        "",
        "é",
    ]
    write_csv(tmp_path / "a.csv", ["=head", "number"], [[cell, -1.5] for cell in cells])
    text = (tmp_path / "a.csv").read_text()
    assert not any(line.lstrip('"').startswith(("=", "+", "@", "\t")) for line in text.splitlines())
    assert "\n-1.5,-1.5\n" in text
    assert csv_rows(tmp_path / "a.csv") == [{"=head": cell, "number": "-1.5"} for cell in cells]


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n\xff,1\n")
    with pytest.raises(InputError, match=r"a\.csv: wanted a CSV file, got none that can be read \(byte 4 is not UTF-8"):
        csv_rows(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1,\n "b": 2,\n}', "a comma before the closing bracket, line 2"),
        (b'{"a": [1, 2,]}', "a comma before the closing bracket, line 1"),
        (b"{'a': 1}", "property name enclosed in double quotes, line 1"),
        (b"", "expecting value, line 1"),
        (b"\xff\x00\x01", "is not UTF-8"),
        (b'{"a": 1, "a": 2}', "the key 'a' twice in one table"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", "wanted a table of whole numbers, got .1."),
        (b'{"a": "b"}', "a in .*: wanted a whole number, got b"),
        (b'{"a": ' + b"1" * 5000 + b"}", "4300 digits"),
    ],
)
def test_a_json_file_that_cannot_be_used_is_refused_with_the_place(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_json(tmp_path / "a.json", dict[str, int])


def test_a_json_file_is_read_in_every_encoding_and_its_absence_named(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        (tmp_path / "a.json").write_bytes('{"ü": 1}'.encode(encoding))
        assert read_json(tmp_path / "a.json") == {"ü": 1}
    with pytest.raises(InputError, match="wanted a dataset, got none that can be read .no such file"):
        read_json(tmp_path / "b.json", wanted="a dataset")


def test_a_file_with_the_longest_name_that_disks_take_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 250 + ".json", "é" * 120 + ".json"):
        write_text(tmp_path / name, "whole")
    assert len(list(tmp_path.iterdir())) == 2


def test_bytes_of_a_name_that_are_no_text_do_not_stop_a_table(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["scan"], [["m\udcfcller"]])
    assert (tmp_path / "a.csv").read_text() == "scan\nm\\udcfcller\n"


def test_what_cannot_be_written_is_told_and_is_still_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(NotWritten, match=r"a\.json: wanted a file that can be written, got is a directory") as caught:
        write_json(tmp_path / "a.json", {})
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, InputError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.errno) == (str(caught.value), caught.value.errno)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2", "line 1"),
        ("a: 1\nb: {", "line 2"),
        ("- 1", "wanted a table"),
        ("a: 1\nb: 2\na: 1", "the key 'a' twice in one table, line 3"),
        ("x: {a: 1, a: 2}", "the key 'a' twice in one table, line 1"),
        ("5: 6", "wanted texts as keys, got 5"),
        ("~: 6", "wanted texts as keys, got None"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("!!timestamp x", "none that can be read"),
        ("\x00", "none that can be read"),
        ("a: " + "[" * 5000, "none that can be read"),
    ],
    ids=lambda text: text[:20],
)
def test_yaml_is_read_or_refused_in_words(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_yaml(tmp_path / "a.yaml")


def test_yaml_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("a: [1, 2.5]\nb: \u00e9\n".encode("utf-8-sig"))
    assert read_yaml(tmp_path / "a.yaml") == {"a": [1, 2.5], "b": "\u00e9"}
