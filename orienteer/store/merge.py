"""The command `merge`: stores of the parts of a collection become one."""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.files import replacing
from orienteer.progress import tracked
from orienteer.store.arrays import file_checksum, what_is_wrong
from orienteer.store.disk import disk_full, free_bytes, is_full
from orienteer.store.index import FILE_NAME, DamagedRow, scan_of_row
from orienteer.store.lock import NotWritable, only_writer
from orienteer.store.store import array_path
from orienteer.store.tables import Tables

MOST_NAMED = 5
"""Damaged files that the message names."""


@dataclass(frozen=True)
class Merged:
    """A store made of several.

    Attributes:
        store: its folder.
        scans: how many it holds.
        added: how many of them came with this call.
        copies: scans that several of the stores held.
    """

    store: Path
    scans: int
    added: int
    copies: int

    def __str__(self) -> str:
        copies = f"; {self.copies} were in several of them" if self.copies else ""
        return f"{self.scans} scans in {self.store}, {self.added} of them new{copies}"


@dataclass(frozen=True)
class _Item:
    """A scan in one of the stores: its row, and where its array is."""

    name: str
    row: tuple[Any, ...]
    path: Path

    @property
    def key(self) -> str:
        return str(self.row[0])


def merge(stores: tuple[str, ...], out: str | Path) -> Merged:
    """Joins stores of prepared scans into one, as if all scans had been prepared into it.

    For stores of the parts of a collection (`prepare --shard`). Every array is checked while it is taken over: as a second
    name of the same file where both lie on one disk, as a copy elsewhere. The stores stay as they are and may be deleted
    afterwards. The index is written at the end, all of it at once. The same call again adds what is missing.

    Args:
        stores: their folders. All must hold the same settings.
        out: folder to make, or a store of the same settings to add to.

    Raises:
        InputError: no store, settings that differ, a file that is missing, cut or damaged, or a full disk.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> from orienteer.scans.discover import discover
        >>> from orienteer.scans.preparation import Preparation
        >>> from orienteer.store.prepare_folder import prepare_folder
        >>> from orienteer.store.shard import shard_of
        >>> settings = {"preparation": Preparation(spacing_mm=(8.0, 8.0, 8.0)), "workers": 0, "progress": False}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", 2, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
        ...     scans = discover(f"{folder}/scans", progress=False)
        ...     for part in "12":
        ...         _ = prepare_folder(shard_of(scans, f"{part}/2"), f"{folder}/{part}", **settings)
        ...     merge((f"{folder}/1", f"{folder}/2"), f"{folder}/all").scans
        2
    """
    folders, folder = list(dict.fromkeys(Path(store).absolute() for store in stores)), Path(out).absolute()
    if not folders:
        do = "name them: orienteer merge STORE1 STORE2 --out STORE"
        raise InputError("stores", wanted="at least one store", got="none", do=do)
    with ExitStack() as stack:
        for store in folders:  # one that is still being written is waited for
            _lock(stack, store)
        indexes = [stack.enter_context(Tables.for_reading(store)) for store in folders]
        _check_settings(folders, indexes)
        every = [item for store, index in zip(folders, indexes, strict=True) for item in _items(store, index)]
        _check_sizes(every)
        if folder not in folders:
            stack.enter_context(only_writer(folder))
        target = stack.enter_context(Tables.for_writing(folder))
        if target.rows("settings"):
            _check_settings([folders[0], folder], [indexes[0], target])
        there = {item.key: item for item in _items(folder, target) if _is_whole(item)}
        first: dict[str, _Item] = {}
        for item in sorted(every, key=lambda item: item.name):  # the name that preparing all scans together would keep
            first.setdefault(item.key, item)
        new = [item for key, item in first.items() if key not in there]
        for item in tracked(new, "merging", unit="scans"):
            _take_over(item, array_path(folder, item.key))
        rows = {name: [row for index in indexes for row in index.rows(name)] for name in _BESIDE}
        target.add_rows({**rows, "scans": [item.row for item in new]})
    return Merged(folder, len(there | first), len(new), len(every) - len(first))


def _lock(stack: ExitStack, store: Path) -> None:
    if not (store / FILE_NAME).is_file():
        return  # opening it says what is wrong
    with suppress(NotWritable):  # nor by others
        stack.enter_context(only_writer(store))


_BESIDE = ("settings", "hashes", "failures", "duplicates")


def _items(store: Path, index: Tables) -> list[_Item]:
    items = []
    for row in index.rows("scans"):
        key, _, nbytes, _, entry = row
        try:
            name = scan_of_row(entry, nbytes).name
        except DamagedRow as error:
            raise InputError(f"store {store}", wanted=error.wanted, got=error.got, do=error.do) from error
        items.append(_Item(name, row, array_path(store, key)))
    return items


def _check_settings(folders: Sequence[Path], indexes: Sequence[Tables]) -> None:
    """Refuses stores whose scans are prepared in different ways."""
    first, *others = (dict(index.rows("settings")) for index in indexes)
    for folder, settings in zip(folders[1:], others, strict=True):
        if settings.keys() != first.keys():
            got, do = _difference(first, settings), "merge stores of the same settings; prepare the others again"
            raise InputError(f"store {folder}", wanted=f"the settings of {folders[0]}", got=got, do=do)


def _difference(first: dict[str, str], other: dict[str, str]) -> str:
    """Returns how settings differ, key by key where both stores hold one set of them."""
    if len(first) != 1 or len(other) != 1:
        return f"{len(other)} sets of settings where there are {len(first)}, or others"
    before, now = (json.loads(next(iter(settings.values()))) for settings in (first, other))
    return ", ".join(
        f"{key} {now.get(key)} in place of {before.get(key)}" for key in before if now.get(key) != before[key]
    )


def _check_sizes(items: Sequence[_Item]) -> None:
    """Refuses missing and cut arrays before anything is copied."""
    wrong = [item for item in items if _size(item.path) != item.row[2]]
    if wrong:
        names = ", ".join(f"{item.path} ({item.name})" for item in wrong[:MOST_NAMED])
        raise _damaged(f"{len(wrong)} that are missing or cut: {names}")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _is_whole(item: _Item) -> bool:
    _, _, nbytes, checksum, _ = item.row
    return what_is_wrong(item.path, nbytes, checksum) is None


def _take_over(item: _Item, path: Path) -> None:
    """Gives an array its place in the merged store, if it is what was written."""
    try:
        with replacing(path) as temporary:
            _link_or_copy(item.path, temporary)
            if file_checksum(temporary) != item.row[3]:
                raise _damaged(f"{item.path} ({item.name}), which is damaged")
    except OSError as error:
        if is_full(error):
            folder = path.parent.parent.parent
            raise disk_full(folder, item.row[2], free_bytes(folder), error) from error
        raise


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        if not os.access(source, os.W_OK):
            raise PermissionError(source)  # what cannot be flushed to the disk afterwards is copied
        os.link(source, target)
    except OSError:  # on another disk, or one without links
        with source.open("rb") as before, target.open("wb") as after:
            while piece := before.read(1 << 20):
                after.write(piece)


def _damaged(got: str) -> InputError:
    do = "prepare that part again, which replaces what is missing or damaged, and merge again"
    return InputError("stores", wanted="arrays as they were written", got=got, do=do)
