"""The index: read-only for readers, one version, and at most one outcome of every file."""

import sqlite3

import pytest

from orienteer.errors import InputError, ScanError
from orienteer.store.index import FILE_NAME, FileState, Index
from orienteer.store.outcomes import Duplicate, Failure
from orienteer.store.store import Store
from tests.helpers.stores import STORED_SETTINGS, add_scan


def test_a_reader_cannot_write(tmp_path):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    with Index.for_reading(tmp_path) as index, pytest.raises(sqlite3.OperationalError, match="readonly"):
        index.remove_scan("aa01")


def test_opening_and_finding_do_no_work_per_scan(tmp_path, monkeypatch):
    """SQLite's own count of steps is the same for ten scans and for a hundred thousand."""
    steps = {count: _steps_to_open(tmp_path / str(count), count, monkeypatch) for count in (10, 100_000)}
    assert steps[10] > 0
    assert steps[100_000] == steps[10]


def _steps_to_open(folder, count, monkeypatch):
    with Index.for_writing(folder) as index:
        rows = ((f"{number:032x}", STORED_SETTINGS, 1, 1, _ENTRY) for number in range(count))
        index._connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?, ?)", rows)
        index._connection.commit()
    steps = []
    connect = sqlite3.connect

    def counting(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_progress_handler(lambda: steps.append(1), 1)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counting)
        with Store.open(folder) as store:
            assert store.scan(f"{7:032x}").name == "x.nii"
    return len(steps)


_ENTRY = (
    (
        '{"key": "x", "name": "x.nii", "modality": "CT", "shape_vox": [8, 8, 8], "spacing_mm": [1, 1, 1],'
        ' "origin_mm": [0, 0, 0], "content": "", "format": "NIfTI"}'
    )
    .replace("1, 1, 1", "1.0, 1.0, 1.0")
    .replace("0, 0, 0", "0.0, 0.0, 0.0")
)


def test_a_store_of_another_version_is_an_input_error(tmp_path):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for opened in (Store.open, Index.for_writing):
        with pytest.raises(InputError, match="wanted version 1 of the index, got version 99"):
            opened(tmp_path)


def test_a_file_that_is_no_index_is_an_input_error(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"these are not the scans that you are looking for" * 50)
    for opened in (Store.open, Index.for_writing):
        with pytest.raises(InputError, match="not a database"):
            opened(tmp_path)


def test_a_file_has_one_outcome_at_most(tmp_path):
    failure, duplicate = Failure("a.nii", "read", "wanted x, got y", "do z"), Duplicate("a.nii", "b.nii")
    with Index.for_writing(tmp_path) as index:
        for outcome in (failure, duplicate, failure, None):
            index.set_outcome("first", tmp_path / "a.nii", outcome)
            assert index.failures("first") == ((failure,) if outcome == failure else ())
            assert index.duplicates("first") == ((duplicate,) if outcome == duplicate else ())
        index.set_outcome("first", tmp_path / "a.nii", failure)
        index.set_outcome("second", tmp_path / "a.nii", None)
        assert index.failures() == (failure,)  # of all settings


def test_outcomes_of_files_that_no_longer_exist_are_forgotten(tmp_path):
    kept, gone = tmp_path / "kept.nii", tmp_path / "gone.nii"
    kept.touch()
    with Index.for_writing(tmp_path) as index:
        for path in (kept, gone):
            index.set_outcome("s", path, Failure(path.name, "read", "why", "do"))
        index.forget_missing_files()
        assert [failure.name for failure in index.failures("s")] == ["kept.nii"]


def test_a_hash_is_known_until_its_file_changes(tmp_path):
    state = FileState(size=5, mtime_ns=100, ctime_ns=101, number=7)
    with Index.for_writing(tmp_path) as index:
        index.add_content(tmp_path / "a", state, "hash")
        assert index.content(tmp_path / "a", state) == "hash"
        assert index.content(tmp_path / "b", state) is None
        for field in FileState._fields:
            assert index.content(tmp_path / "a", state._replace(**{field: 99})) is None


def test_a_store_of_an_older_version_has_no_hashes_yet(tmp_path):
    state = FileState(5, 100, 101, 7)
    Index.for_writing(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("DROP TABLE hashes")
    connection.close()
    with Index.for_reading(tmp_path) as index:
        assert index.content(tmp_path / "a", state) is None
    with Index.for_writing(tmp_path) as index:
        index.add_content(tmp_path / "a", state, "hash")
        assert index.content(tmp_path / "a", state) == "hash"


@pytest.mark.parametrize(
    "change",
    [("1.0, 2.0, 3.0", "1.0, 2.0, 4.0"), ("CT", "MR"), ('"key"', '"kex"'), ("{", "["), ("checksum", "checksun")],
)
def test_a_damaged_row_is_named(tmp_path, change):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    ((entry,),) = connection.execute("SELECT entry FROM scans").fetchall()
    assert change[0] in entry
    connection.execute("UPDATE scans SET entry = ?", (entry.replace(*change),))
    connection.commit()
    connection.close()
    if change[0] == "checksum":  # as older versions wrote it, without one
        with Store.open(tmp_path) as store:
            assert store.scan("aa01").spacing_mm == (1.0, 2.0, 3.0)
        return
    with Store.open(tmp_path) as store, pytest.raises(InputError, match=r"a damaged one .*prepare the scans again"):
        store.scan("aa01")


def test_a_failure_is_what_its_error_says():
    error = ScanError("a.nii", step="crop", wanted="a body", got="air", do="look at it")
    assert Failure.of(error) == Failure("a.nii", "crop", "wanted a body, got air", "look at it")
    assert Failure.of(error, "case 1").name == "case 1"
    assert str(Failure.of(error)) == "a.nii (crop): wanted a body, got air. Do this: look at it."


@pytest.mark.parametrize("damage", [b"CREATE \xffABLE scans", b"CREATE TABLE \xff\xff\xff\xff\xff"])
def test_damage_that_the_message_of_sqlite_quotes_is_an_input_error_too(tmp_path, damage):
    Index.for_writing(tmp_path).close()
    file = tmp_path / FILE_NAME
    file.write_bytes(file.read_bytes().replace(b"CREATE TABLE scans", damage))
    for opened in (Index.for_reading, Index.for_writing):
        with pytest.raises(InputError, match=r"an index of scans in index.sqlite, got"):
            opened(tmp_path)
