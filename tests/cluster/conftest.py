import pytest

from tests.helpers.dask_cluster import dask_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A scheduler and two workers. A test that kills workers starts others."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as running:
        yield running
