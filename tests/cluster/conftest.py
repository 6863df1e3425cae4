import signal
from collections.abc import Iterator

import pytest

from tests.helpers.dask_cluster import DaskCluster, dask_cluster

LIMIT_S = 240.0
"""A test that waits for a worker which never comes fails, in place of holding up all others."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A scheduler and two workers. A test that kills workers starts others."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as running:
        yield running


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """Ends a test that takes longer than ``LIMIT_S``."""

    def end(*_: object) -> None:
        pytest.fail(f"not finished after {LIMIT_S:.0f} s")  # no TimeoutError: waiting for workers goes on after one

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
