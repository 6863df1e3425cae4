"""Checks the shapes in signatures while tests run, records lines with --record-lines, and keeps each test on few threads.

What is imported here and by the fixtures' files is imported once more by the process that only hands tests to the workers,
before they start: torch and the package would take half a minute there, so the fixtures import them when they are asked for.
"""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.helpers.shape_checks import check_shapes

finder = check_shapes("orienteer")

from tests.helpers import small_example  # noqa: E402
from tests.helpers.fake_hub import fake_hub as fake_hub  # noqa: E402
from tests.helpers.published_files import publish as publish  # noqa: E402
from tests.helpers.saved_runs import save_run as save_run  # noqa: E402
from tests.helpers.small_demo import copied_demo as copied_demo  # noqa: E402
from tests.helpers.small_demo import small_demo as small_demo  # noqa: E402
from tests.helpers.small_run import finished as finished  # noqa: E402
from tests.helpers.small_run import store as store  # noqa: E402
from tests.helpers.small_run import torsos as torsos  # noqa: E402
from tests.helpers.small_run import trained as trained  # noqa: E402

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def shared(name: str, what: str) -> Path:
    """Returns a folder of real data, or skips the test: it is absent on most machines."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {what}: the folder shared/data/{name} is not beside this checkout")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-lines",
        action="store_true",
        help="save which lines of the package ran, for coverage combine and report",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Probes lines where tests run: not in the process that only hands them to workers."""
    config.pluginmanager.register(small_example)
    if config.getoption("record_lines") and not config.getoption("numprocesses", None):
        from tests.helpers.line_record import LineRecord

        record = LineRecord(Path(__file__).parents[1] / "orienteer")
        finder.instrument = record.instrument
        config.pluginmanager.register(record)


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """Keeps torch, and commands that start a process for each core, from using the core of the other worker."""
    import torch

    from orienteer import executor

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        one = {"sched_getaffinity": lambda process: {0}}  # there alone: torch asks too, and warns of few cores
        patch.setattr(executor, "os", SimpleNamespace(**vars(os) | one))
        yield


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """A folder of real scans in mixed formats."""
    return shared("scans", "real scans")


@pytest.fixture(scope="session")
def hippocampus() -> Path:
    """The labelled MR crops of MSD Task04."""
    return shared("hippocampus", "hippocampus crops")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts slow tests first, so that no worker is left with one of them while the others have finished."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector from what lives until the end: torch, the package and all tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
