"""The lock of a store: one process writes, another waits or names it, and a killed one leaves nothing locked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.store.lock import only_writer
from tests.helpers.stores import prepare_here


def test_two_processes_do_not_prepare_into_one_store(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("orienteer.store.lock.PATIENCE_S", 0.0)
    with (
        only_writer(tmp_path / "store"),
        pytest.raises(InputError, match=rf"got process {os.getpid()} on .*, which is preparing"),
    ):
        prepare_here(folder, tmp_path / "store")
    assert prepare_here(folder, tmp_path / "store").prepared == 3


def test_a_second_process_waits_for_the_first(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("orienteer.store.lock.PATIENCE_S", 30.0)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom orienteer.store.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])):\n    print('locked', flush=True)\n    time.sleep(3)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "locked\n"
        assert prepare_here(folder, tmp_path / "store").prepared == 3
        assert first.wait(timeout=10) == 0
    assert f"waiting for another process that prepares into {tmp_path / 'store'} (process {first.pid} on " in (
        capsys.readouterr().err
    )


def test_the_lock_of_a_killed_process_is_free(folder, tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom orienteer.store.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], timeout=60, cwd=Path.cwd())
    assert killed.returncode == -9
    assert (tmp_path / "store" / "writer.lock.holder").exists()  # it left its name, and yet:
    assert prepare_here(folder, tmp_path / "store").prepared == 3


def test_a_store_that_cannot_be_made_is_an_input_error(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="wanted a folder that can be written"):
        prepare_here(folder, tmp_path / "file" / "store")
