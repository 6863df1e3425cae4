"""The tables of an index as a whole, for merging stores."""

from collections.abc import Iterable, Mapping
from typing import Any

from orienteer.store.index import Index

MERGED = ("settings", "scans", "hashes", "failures", "duplicates")
"""Tables whose rows may stand in the index of another store. Patients may not: each store hashes them with its own secret."""


class Tables(Index):
    """An index whose tables are read and extended whole."""

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Returns the rows of a table, sorted; none where an older version made the index without it.

        Raises:
            InputError: the file is damaged.
        """
        assert table in MERGED
        there = self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
        return self._rows(f"SELECT * FROM {table} ORDER BY 1, 2", ()) if there else []

    def add_rows(self, tables: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
        """Adds rows to tables, or replaces those of the same keys: all of them or, where that fails, none."""
        with self._connection:
            for table, rows in tables.items():
                assert table in MERGED
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    self._connection.execute(f"REPLACE INTO {table} VALUES ({marks})", row)
