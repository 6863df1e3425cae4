"""What several tests read and takes seconds to make: made once in a session, for all of its worker processes."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

T = TypeVar("T")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Returns what ``make`` made in an empty folder: the worker that asks first makes it, and the others wait for it.

    Tests of all workers read the folder at the same time, so none may write into it.

    Args:
        factory: pytest's own.
        name: of the folder.
        make: fills the folder and returns what can be pickled.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, result = base / "shared" / name, base / "shared" / f"{name}.pickle"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not result.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            result.write_bytes(pickle.dumps(make(folder)))
        made: T = pickle.loads(result.read_bytes())
    return made
