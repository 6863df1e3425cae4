"""The index of a store: one SQLite file that lists its scans. One process writes, any number read."""

import dataclasses
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from orienteer.errors import InputError
from orienteer.files import readable
from orienteer.scans.patient_ids import new_secret
from orienteer.store.outcomes import Duplicate, Failure
from orienteer.types import Triple, TripleMm

FILE_NAME = "index.sqlite"
SCHEMA_VERSION = 1
"""Goes up when the tables change. Stores of another version are refused."""

_TABLES = """
CREATE TABLE scans (key TEXT PRIMARY KEY, settings TEXT NOT NULL, nbytes INTEGER NOT NULL, checksum INTEGER NOT NULL,
    entry TEXT NOT NULL);
CREATE INDEX scans_by_settings ON scans (settings, key);
CREATE TABLE settings (settings TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, content TEXT NOT NULL);
CREATE TABLE failures (settings TEXT NOT NULL, path TEXT NOT NULL, name TEXT NOT NULL, step TEXT NOT NULL,
    reason TEXT NOT NULL, do TEXT NOT NULL, PRIMARY KEY (settings, path));
CREATE TABLE duplicates (settings TEXT NOT NULL, path TEXT NOT NULL, name TEXT NOT NULL, original TEXT NOT NULL,
    PRIMARY KEY (settings, path));
"""

_HASHES = "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, state TEXT NOT NULL, content TEXT NOT NULL)"
"""Replaces the table ``files``, which older versions wrote and whose size and time were not enough to notice a change."""
_PATIENTS = (
    "CREATE TABLE IF NOT EXISTS patients (content TEXT PRIMARY KEY, patient TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL)",
)
"""The patient of each DICOM scan by the hash of its files, itself a hash with the store's secret. Stores of versions before
0.2 have neither, and get them when scans are next prepared."""

_OUTCOMES = ("failures", "duplicates")
_CHECKSUM = "checksum"

_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises for a damaged file; the second where its message quotes bytes of it."""


class DamagedRow(InputError):
    """The row of a scan is not what was written."""


@dataclass(frozen=True)
class StoredScan:
    """The entry of one prepared scan in the index.

    Attributes:
        key: its name in the store: a hash of the content of its files and of the settings.
        name: its path in the folder of scans, for people.
        origin_mm: position of the centre of voxel 0 in the body frame.
        content: hash of the scan's file or files.
        nbytes: bytes on disk.
        warnings: what was odd about its files and how it was decided; none in entries of versions before 0.2.
        voxels: hash of the prepared voxels; empty in entries of versions before 0.2.
    """

    key: str
    name: str
    modality: str
    shape_vox: Triple
    spacing_mm: TripleMm
    origin_mm: TripleMm
    content: str
    format: str
    nbytes: int
    warnings: tuple[str, ...] = ()
    voxels: str = ""


class FileState(NamedTuple):
    """What a file system notes of a file. If all of it is the same, the file has not changed.

    Size and time of modification are not enough: copying tools keep the times, and another scan of the same grid has the
    same size. The time of the last change of any kind (ctime) cannot be set, and another file has another number.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    number: int


def entry_of(scan: StoredScan) -> dict[str, Any]:
    """Returns a stored scan as plain JSON values, without its size on disk."""
    return {name: value for name, value in dataclasses.asdict(scan).items() if name != "nbytes"}


def row_of(scan: StoredScan) -> str:
    """Returns a stored scan as the index keeps it: JSON with a checksum of itself."""
    entry = entry_of(scan)
    return json.dumps(entry | {_CHECKSUM: _checksum(entry)})


def scan_of_row(row: str, nbytes: int) -> StoredScan:
    """Returns the stored scan that a row of the index describes. Rows of older versions have no checksum.

    Raises:
        DamagedRow: it is not what was written.
    """
    try:
        entry = json.loads(row)
        if entry.pop(_CHECKSUM, None) not in (None, _checksum(entry)):
            raise ValueError("another checksum")
        return scan_of(entry, nbytes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        do = "prepare the scans again, which restores it from the scan's array"
        raise DamagedRow(
            f"row of {FILE_NAME}", wanted="what was written", got=f"a damaged one ({error})", do=do
        ) from error


def _checksum(entry: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(entry, sort_keys=True).encode())


def scan_of(entry: dict[str, Any], nbytes: int) -> StoredScan:
    """Returns the stored scan that an entry describes."""
    names = {field.name for field in dataclasses.fields(StoredScan)} - {"nbytes"}
    entry = {"warnings": [], "voxels": "", **entry}
    values: dict[str, Any] = {
        name: tuple(entry[name]) if isinstance(entry[name], list) else entry[name] for name in names
    }
    return StoredScan(nbytes=nbytes, **values)


class Index:
    """The open index of a store. Readers cannot change it; the writer commits after every scan."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def for_reading(cls, folder: Path) -> Self:
        """Returns the open index of an existing store. It takes the same time for ten scans as for a hundred thousand.

        Raises:
            InputError: no store there, or one of another version.
        """
        path = folder / FILE_NAME
        if not os.path.isfile(path):  # False, too, for names that no disk takes
            got = f"no {FILE_NAME} in it"
            raise InputError(str(folder), wanted="a store of prepared scans", got=got, do="prepare scans into it first")
        return cls(_checked(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30), folder))

    @classmethod
    def for_writing(cls, folder: Path) -> Self:
        """Returns the open index of a store; makes a new one in an empty or new folder.

        Raises:
            InputError: a store of another version, or a file that is not an index.
        """
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / FILE_NAME, timeout=30)
        try:
            fresh = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            if fresh:
                connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        except sqlite3.OperationalError:
            connection.close()
            raise  # a full disk, say; see `prepare`
        except _DAMAGED as error:
            connection.close()
            raise _not_an_index(folder, error) from error
        index = cls(_checked(connection, folder))
        for table in (_HASHES, *_PATIENTS):
            connection.execute(table)
        if connection.execute("SELECT count(*) FROM secret").fetchone()[0] == 0:
            connection.execute("INSERT INTO secret VALUES (?)", (new_secret(),))
            connection.commit()
        return index

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Returns the rows of a query.

        Raises:
            InputError: the file is damaged.
        """
        try:
            return self._connection.execute(query, values).fetchall()
        except _DAMAGED as error:
            do = f"delete {FILE_NAME} and prepare again, which makes it anew from the arrays"
            raise InputError(FILE_NAME, wanted="an index that can be read", got=str(error), do=do) from error

    def keys(self, settings: str) -> list[str]:
        """Returns the keys of all scans with these settings, sorted."""
        return [key for (key,) in self._rows("SELECT key FROM scans WHERE settings = ? ORDER BY key", (settings,))]

    def find(self, key: str) -> tuple[StoredScan, int] | None:
        """Returns a scan's entry and checksum; None where the index has no such scan.

        Raises:
            DamagedRow: its row is not what was written.
        """
        for entry, nbytes, checksum in self._rows("SELECT entry, nbytes, checksum FROM scans WHERE key = ?", (key,)):
            return scan_of_row(entry, nbytes), checksum
        return None

    def entries(self, settings: str | None = None) -> Iterator[tuple[StoredScan, int]]:
        """Yields entries and checksums, sorted by key; of all settings if none are given."""
        query = "SELECT entry, nbytes, checksum FROM scans WHERE ? IS NULL OR settings = ? ORDER BY key"
        for entry, nbytes, checksum in self._rows(query, (settings, settings)):
            yield scan_of_row(entry, nbytes), checksum

    def nbytes(self, settings: str) -> int:
        """Returns the bytes on disk of all scans with these settings."""
        query = "SELECT coalesce(sum(nbytes), 0) FROM scans WHERE settings = ?"
        return int(self._rows(query, (settings,))[0][0])

    def failures(self, settings: str | None = None) -> tuple[Failure, ...]:
        """Returns the scans that failed, sorted by name; of all settings if none are given."""
        query = "SELECT name, step, reason, do FROM failures WHERE ? IS NULL OR settings = ? ORDER BY name, settings"
        return tuple(Failure(*row) for row in self._rows(query, (settings, settings)))

    def failure(self, settings: str, path: Path) -> Failure | None:
        """Returns how a file failed when it was last prepared with these settings; None if it did not."""
        query = "SELECT name, step, reason, do FROM failures WHERE settings = ? AND path = ?"
        row = self._connection.execute(query, (settings, readable(path))).fetchone()
        return Failure(*row) if row else None

    def duplicates(self, settings: str) -> tuple[Duplicate, ...]:
        """Returns the files that hold the same scan as another one, sorted by name."""
        query = "SELECT name, original FROM duplicates WHERE settings = ? ORDER BY name"
        return tuple(Duplicate(*row) for row in self._rows(query, (settings,)))

    def content(self, path: Path, state: FileState) -> str | None:
        """Returns the recorded hash of a file; None if it is not known or the file has changed since."""
        query = "SELECT content FROM hashes WHERE path = ? AND state = ?"
        row = self._looked_up("hashes", query, readable(path), json.dumps(state))
        return row[0] if row else None

    def secret(self) -> bytes:
        """Returns the key with which patients are hashed; a new one where a store that may only be read has none."""
        row = self._looked_up("secret", "SELECT value FROM secret")
        return bytes(row[0]) if row else new_secret()

    def patient(self, content: str) -> str | None:
        """Returns the hash of the patient of a scan, empty if its header names none; None if it is not known.

        Args:
            content: hash of the scan's files.
        """
        row = self._looked_up("patients", "SELECT patient FROM patients WHERE content = ?", content)
        return row[0] if row else None

    def add_patients(self, patients: Mapping[str, str]) -> None:
        """Records the hashes of patients, by the hash of the scan's files."""
        self._connection.executemany("REPLACE INTO patients VALUES (?, ?)", patients.items())
        self._connection.commit()

    def add_content(self, path: Path, state: FileState, content: str) -> None:
        """Records the hash of a file. Committed with the next scan."""
        self._connection.execute("REPLACE INTO hashes VALUES (?, ?, ?)", (readable(path), json.dumps(state), content))

    def add_settings(self, settings: str, description: str) -> None:
        """Records the settings behind a fingerprint."""
        self._connection.execute("REPLACE INTO settings VALUES (?, ?)", (settings, description))
        self._connection.commit()

    def add_scan(self, scan: StoredScan, settings: str, checksum: int) -> None:
        """Records a scan whose array is complete on disk."""
        row = (scan.key, settings, scan.nbytes, checksum, row_of(scan))
        self._connection.execute("REPLACE INTO scans VALUES (?, ?, ?, ?, ?)", row)
        self._connection.commit()

    def remove_scan(self, key: str) -> None:
        """Removes a scan whose array is missing."""
        self._connection.execute("DELETE FROM scans WHERE key = ?", (key,))
        self._connection.commit()

    def set_outcome(self, settings: str, path: Path, outcome: Failure | Duplicate | None) -> None:
        """Records that a file failed or is a duplicate, replacing earlier records of it; None if neither is so."""
        place = (settings, readable(path))
        for table in _OUTCOMES:
            self._connection.execute(f"DELETE FROM {table} WHERE settings = ? AND path = ?", place)
        if isinstance(outcome, Failure):
            failure = (outcome.name, outcome.step, outcome.reason, outcome.do)
            self._connection.execute("INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)", place + failure)
        elif isinstance(outcome, Duplicate):
            duplicate = (outcome.name, outcome.original)
            self._connection.execute("INSERT INTO duplicates VALUES (?, ?, ?, ?)", place + duplicate)
        self._connection.commit()

    def forget_missing_files(self) -> None:
        """Removes failures and duplicates of files that no longer exist."""
        for table in _OUTCOMES:
            paths = self._connection.execute(f"SELECT DISTINCT path FROM {table}").fetchall()
            missing = [path for path in paths if not os.path.lexists(path[0].encode())]
            self._connection.executemany(f"DELETE FROM {table} WHERE path = ?", missing)
        self._connection.commit()

    def _looked_up(self, table: str, query: str, *values: str) -> tuple[Any, ...] | None:
        """Returns a row of a table that stores of older versions, opened for reading, may lack; None without one."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)):
            return None
        return next(iter(self._rows(query, values)), None)


def _checked(connection: sqlite3.Connection, folder: Path) -> sqlite3.Connection:
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        got, do = str(error), "prepare again, which repairs what a killed process left; or check the permissions"
        raise InputError(f"store {folder}", wanted="an index that can be read", got=got, do=do) from error
    except _DAMAGED as error:
        connection.close()
        raise _not_an_index(folder, error) from error
    if version != SCHEMA_VERSION:
        connection.close()
        raise InputError(
            f"store {folder}",
            wanted=f"version {SCHEMA_VERSION} of the index",
            got=f"version {version}, made by another version of orienteer",
            do="prepare into another folder, or delete this one (it holds copies, not your scans)",
        )
    return connection


def _not_an_index(folder: Path, error: Exception) -> InputError:
    do = "prepare into another folder, or delete this one (it holds copies, not your scans)"
    return InputError(f"store {folder}", wanted=f"an index of scans in {FILE_NAME}", got=str(error), do=do)
