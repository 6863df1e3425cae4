"""The lock on a folder: one holder at a time, named, and freed when its process dies."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.locks import Lock, holder_state, process_words


def busy(holder: str) -> InputError:
    return InputError("out", wanted="a free folder", got=holder, do="wait")


def test_a_lock_keeps_others_out_names_its_holder_and_is_given_back(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / ".lock", busy), Lock(tmp_path / ".lock", busy)
    with first, pytest.raises(InputError, match=f"got process {os.getpid()} on "):
        second.acquire()
    with second:
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_waits_for_as_long_as_its_patience(tmp_path: Path) -> None:
    holder = Lock(tmp_path / ".lock", busy)
    holder.acquire()
    threading.Timer(0.3, holder.release).start()
    began = time.monotonic()
    with Lock(tmp_path / ".lock", busy, patience_s=30.0):
        assert time.monotonic() - began > 0.2


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom orienteer.locks import Lock\n"
        "Lock(Path(sys.argv[1]), ValueError).acquire()\nos.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / ".lock")], timeout=60, cwd=Path.cwd())
    assert killed.returncode == -9
    assert (tmp_path / ".lock.holder").exists()  # it left its name, and yet:
    with Lock(tmp_path / ".lock", busy):
        pass


def test_a_process_does_not_wait_for_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom orienteer.errors import InputError\n"
        "from orienteer.locks import Lock\n"
        "def busy(holder): return InputError('out', wanted='a free folder', got=holder, do='wait')\n"
        "try: Lock(Path(sys.argv[1]), busy, patience_s=60.0).acquire()\n"
        "except InputError as error: print(json.dumps(error.got))\n"
    )
    with Lock(tmp_path / ".lock", busy):
        child = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / ".lock")],
            timeout=30,
            cwd=Path.cwd(),
            capture_output=True,
            text=True,
        )
    assert json.loads(child.stdout).startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("name", [".lock", ".lock.holder"])
def test_a_folder_in_the_place_of_a_lock_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"{name}: wanted a file that can be written, got is a directory"):
        Lock(tmp_path / ".lock", busy).acquire()
    (tmp_path / name).rmdir()
    with Lock(tmp_path / ".lock", busy):
        pass


def test_what_links_in_the_place_of_a_lock_point_to_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.lock.holder").symlink_to(tmp_path / "precious")
    with Lock(tmp_path / "out/.lock", busy), pytest.raises(InputError, match=f"got process {os.getpid()} on "):
        Lock(tmp_path / "out/.lock", busy).acquire()
    (tmp_path / "out/.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(InputError, match=r"\.lock: wanted a file that can be written"):
        Lock(tmp_path / "out/.lock", busy).acquire()
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_disk_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("orienteer.locks.FileLock.acquire", refuse)
    with pytest.raises(InputError, match="wanted a file that can be written, got no locks available"):
        Lock(tmp_path / ".lock", busy).acquire()


def test_the_state_of_a_holder_is_known_without_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert holder_state(path) is None
    with Lock(path, busy):
        assert holder_state(path) == "running"
    assert holder_state(path) is None
    holder = tmp_path / ".lock.holder"
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    for words, state in (
        (process_words(dead.pid), "gone"),
        ("process 1 on another-host", "elsewhere"),
        ("", "gone"),
        ("process x", "gone"),
    ):
        holder.write_text(words)
        assert holder_state(path) == state, words


def test_a_process_that_got_the_number_of_a_dead_one_is_not_the_holder(tmp_path: Path) -> None:
    holder = tmp_path / ".lock.holder"
    holder.write_text(process_words(os.getpid()))
    assert holder_state(tmp_path / ".lock") == "running"
    os.utime(holder, (1.0, 1.0))  # written long before this process began
    assert holder_state(tmp_path / ".lock") == "gone"
