"""A reader of a store that is given the rows of its scans, for workers of a cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orienteer.store.store import OPEN_SCANS, Row, Store


class GivenRows(Store):
    """Reads the arrays of scans whose rows of the index it is given. It leaves the index alone.

    A SQLite file on a network disk is safe for the one process that writes it, not for others that read it meanwhile.

    Args:
        folder: the store's folder.
        rows: by key, see `Store.row`.
        open_scans: how many scans are kept open at most, per process and thread.
    """

    def __init__(self, folder: str | Path, rows: Mapping[str, Row], open_scans: int = OPEN_SCANS) -> None:
        super().__init__(folder, open_scans)
        self.rows = dict(rows)

    def row(self, key: str) -> Row:
        """Returns a scan's entry and the checksum of its array.

        Raises:
            InputError: it was not given.
        """
        if key not in self.rows:
            raise self._unknown(key)
        return self.rows[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "rows": self.rows}
