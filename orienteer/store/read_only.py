"""The index of a store that may only be read."""

from collections.abc import Mapping
from pathlib import Path

from orienteer.store.index import FileState, Index
from orienteer.store.outcomes import Duplicate, Failure


class ReadOnlyIndex(Index):
    """An index that looks things up and records none of what is only worth knowing next time."""

    def __init__(self, index: Index) -> None:
        super().__init__(index._connection)

    def add_content(self, path: Path, state: FileState, content: str) -> None:
        """Records nothing."""

    def add_settings(self, settings: str, description: str) -> None:
        """Records nothing."""

    def add_patients(self, patients: Mapping[str, str]) -> None:
        """Records nothing."""

    def set_outcome(self, settings: str, path: Path, outcome: Failure | Duplicate | None) -> None:
        """Records nothing."""

    def forget_missing_files(self) -> None:
        """Forgets nothing."""
