"""Files are read in a process that may crash, hang or run out of memory: the file is named, and the others are read."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from orienteer.errors import InputError, ScanError
from orienteer.scans import apart as module
from orienteer.scans.apart import MOST_TOGETHER, Reading, apart, each_apart


def read(word, *_):
    """Reads nothing, but does what damaged files do to native readers."""
    if word == "crash":
        os.abort()
    if word == "hang":
        time.sleep(60)
    if word == "hungry":
        return len(bytes(2 << 30))
    if word == "closed":
        raise PermissionError(13, "Permission denied")
    if word == "bad":
        raise ScanError("bad", step="crop", wanted="x", got="y", do="z")
    return word


def pid(*_):
    return os.getpid()


def outcomes(*words):
    found = each_apart(read, [Reading(f"{word}.nii", (), (word,)) for word in words])
    return [str(item) if isinstance(item, InputError | OSError) else item for item in found]


def test_one_process_reads_for_all_calls_and_it_is_another_one():
    first = apart("a", [], pid)
    assert first == apart("b", [], pid) != os.getpid()


def test_a_crash_is_named_and_costs_the_others_nothing():
    crash, *others = outcomes("crash", "a", "b")
    assert others == ["a", "b"]
    assert "crash.nii: wanted a file that can be read, got the process terminated unexpectedly (SIGABRT)" in crash
    assert outcomes("a", "crash", "b")[::2] == ["a", "b"]
    assert [word for word in outcomes(*"abc" * MOST_TOGETHER) if word in "abc"] == list("abc" * MOST_TOGETHER)


def test_a_file_that_takes_for_ever_is_named(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.7)
    assert "hang.nii: wanted a file that can be read, got it was not finished after" in outcomes("hang")[0]
    assert outcomes("a") == ["a"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory can be limited on Linux only")
def test_a_file_that_needs_too_much_memory_is_named():
    hungry, other = outcomes("hungry", "a")
    assert "got one that needs more memory than a file may take" in hungry
    assert other == "a"


def test_errors_of_the_reader_come_as_they_are():
    with pytest.raises(PermissionError, match="Permission denied"):
        apart("a", [], read, "closed")
    with pytest.raises(ScanError, match="bad: wanted x, got y") as raised:
        apart("a", [], read, "bad")
    assert raised.value.step == "crop"


def test_an_interrupted_call_leaves_no_reply_for_the_next(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    apart("a", [], read, "a")
    monkeypatch.setattr(module._reader._executor, "finished", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apart("a", [], read, "stale")
    assert apart("a", [], read, "fresh") == "fresh"


def test_threads_take_turns():
    results = {}
    threads = [
        threading.Thread(target=lambda word: results.update({word: apart(word, [], read, word)}), args=(word,))
        for word in "abcdef"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {word: word for word in "abcdef"}


def test_relative_paths_are_read_in_the_folder_of_the_call(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
        monkeypatch.chdir(tmp_path / name)
        assert apart("a.txt", [Path("a.txt")], Path.read_text, Path("a.txt")) == name
