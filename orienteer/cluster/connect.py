"""The connection to a Dask scheduler: one that runs already, or one started here whose workers a queue runs."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orienteer.cluster.queue_file import queue_cluster
from orienteer.errors import InputError
from orienteer.extras import require_packages

if TYPE_CHECKING:  # an extra
    from distributed import Client

LOCAL = "local"
CONNECT_S = 20.0
"""How long a scheduler may take to answer."""

FORMS = "local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue"


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster that jobs can be sent to.

    Attributes:
        client: connected to its scheduler.
        name: how messages call it.
    """

    client: "Client"
    name: str

    def threads(self) -> int:
        """Returns how many jobs its workers run at a time at present; 0 while there are none."""
        client: Any = self.client
        return sum(client.nthreads().values())

    def lost(self) -> bool:
        """Returns whether its scheduler went away."""
        return bool(self.client.status != "running")

    def gone(self) -> InputError:
        """Returns the error for a scheduler that went away."""
        do = "start it again and give the same command again: what is finished is kept"
        return InputError("cluster", wanted="a scheduler that answers", got=f"{self.name}, which went away", do=do)


@contextmanager
def connected(cluster: str | None, folder: str | Path) -> Iterator[Cluster | None]:
    """Gives the cluster that an option names while the block runs; None for this machine.

    Args:
        cluster: ``local`` or None; the address of a scheduler; or a YAML file, see `queue_cluster`.
        folder: output folder of the command, which gets the logs of a queue's jobs.

    Raises:
        InputError: none of these, a scheduler that does not answer, a file that cannot be used, or no Dask.

    Example:
        >>> with connected("local", "out") as cluster:
        ...     print(cluster)
        None
    """
    if cluster in (None, LOCAL):
        yield None
        return
    assert cluster is not None
    with ExitStack() as stack:
        address: Any = cluster
        if "://" not in cluster:
            if not Path(cluster).is_file():
                raise InputError("cluster", wanted=FORMS, got=cluster, do="check the path of the file")
            address = stack.enter_context(queue_cluster(Path(cluster), Path(folder)))
        yield Cluster(stack.enter_context(_client(address, cluster)), cluster)


@contextmanager
def _client(address: Any, name: str) -> "Iterator[Client]":
    distributed = _distributed()
    for logger in ("distributed", "distributed.client"):  # what it logs, our messages say in fewer words
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        do = "check the address, and that the scheduler runs and can be reached from here"
        got = f"{name}, which does not answer ({' '.join(str(error).split())[:200]})"
        raise InputError("cluster", wanted="a scheduler that answers", got=got, do=do) from error
    try:
        yield client
    finally:
        with suppress(Exception):  # a scheduler that is gone must not hide why the command ends
            client.close(timeout=5)


def _distributed() -> Any:
    require_packages("cluster", ["distributed"], extra="cluster")
    import distributed

    return distributed
