"""Writing files whole or not at all, reading JSON and CSV, and the one lock of a folder that several processes share."""

import csv
import errno
import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from orienteer.errors import InputError
from orienteer.forms import misfit
from orienteer.output_names import inside as inside
from orienteer.output_names import safe_names as safe_names
from orienteer.text import decoded

TEMPORARY = ".part"
"""How the name of a file ends that is not whole yet. A killed process may leave one behind; nothing ever reads it."""

LONGEST_TEMPORARY = 100
"""Bytes of a file's name that the name of its temporary file repeats: file systems take 255 in all."""

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Numbers of the system's errors for a full disk and for a quota that is used up."""

_numbers = count()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file so that its name holds either all of the new content or what was there before.

    The content goes to a temporary name that no other process or thread uses, is flushed to the disk, and is renamed; then
    the folder is flushed too, so that the rename survives a power cut.

    Args:
        path: the file; its folder is made if it is not there.
        content: all of it.

    Raises:
        NotWritten: the disk is full or fails; nothing is left behind, and an earlier file is unchanged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bytes(f"{folder}/new/a.txt", b"whole")
        ...     sorted(path.name for path in Path(folder, "new").iterdir())
        ['a.txt']
    """
    with written(path), replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all; see `write_bytes`. Bytes of names that are no text are written out."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> None:
    """Writes a JSON file that ends with a newline, whole or not at all; see `write_bytes`."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def write_csv(path: str | Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a CSV file with a header line, whole or not at all; see `write_bytes`."""
    write_text(path, csv_text(head, rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Returns a table as CSV text, lines ending with a newline.

    A text that a spreadsheet would run as a formula gets a ``'`` in front, which `csv_rows` takes away again.

    Example:
        >>> csv_text(["scan", "dice"], [["a, b", 0.5], ["=1+1", -0.5]])
        'scan,dice\n"a, b",0.5\n\'=1+1,-0.5\n'
    """
    lines = []
    for row in (head, *rows):
        line = io.StringIO(newline="")
        writer = csv.writer(line, lineterminator="\r\n")  # with another end, a name with a \r in it is not quoted
        writer.writerow([_no_formula(cell) if isinstance(cell, str) else cell for cell in row])
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def csv_rows(path: str | Path) -> list[dict[str, str]]:
    """Returns the rows of a table that `write_csv` wrote, by the names of its columns.

    Raises:
        InputError: it cannot be read.
    """
    try:
        lines = list(csv.reader(io.StringIO(decoded(Path(path).read_bytes()), newline=""), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, "a CSV file", _reason(error), "restore it, or make it again") from error
    head, *rows = [[re.sub(r"^'(?='*[=+\-@\t\r])", "", cell) for cell in line] for line in lines] or [[]]
    return [dict(zip(head, row, strict=False)) for row in rows]


def read_json(path: str | Path, form: Any = dict[str, Any], *, wanted: str = "a JSON file", do: str = "") -> Any:
    """Returns what a JSON file holds, whatever text encoding it is in.

    Args:
        path: the file.
        form: a type hint of what it must hold, checked at any depth.
        wanted: which file was wanted, for the message.
        do: what to do where it cannot be read.

    Raises:
        InputError: it cannot be opened, is no JSON (with the line), names a key twice, or has another form (with the key).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json(f"{folder}/a.json", {"steps": 3})
        ...     read_json(f"{folder}/a.json", dict[str, int])
        {'steps': 3}
    """
    return _read(path, lambda text: json.loads(text, object_pairs_hook=_each_key_once), form, wanted, do)


def read_yaml(path: str | Path, form: Any = dict[str, Any], *, wanted: str = "a YAML file", do: str = "") -> Any:
    """Returns what a YAML file holds; see `read_json`. No other objects than JSON has are made from it.

    Raises:
        InputError: it cannot be opened, is no YAML, names a key twice (with the line), or has another form (with the key).
    """
    return _read(path, lambda text: yaml.load(text, _EachKeyOnce), form, wanted, do)


def _read(path: str | Path, parse: Callable[[str], Any], form: Any, wanted: str, do: str) -> Any:
    do = do or "restore it, or copy it again from where it was written"
    try:
        value = parse(decoded(Path(path).read_bytes()))
    except (OSError, ValueError, RecursionError, yaml.YAMLError, AttributeError, LookupError, TypeError) as error:
        raise _unreadable(path, wanted, _reason(error), do) from error  # the last three by odd tags of YAML
    if problem := misfit(value, form):
        where = f"{problem.where} in {path}" if problem.where else str(path)
        raise InputError(where, wanted=problem.wanted, got=problem.got, do=do)
    return value


def _no_formula(cell: str) -> str:
    if not re.match(r"'*[=+\-@\t\r]", cell):
        return cell
    with suppress(ValueError):
        float(cell)
        return cell
    return f"'{cell}"


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice in one table")
    return table


class _EachKeyOnce(yaml.SafeLoader):
    """Reads YAML, and refuses a key that comes twice in one table, of which PyYAML keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns a table."""
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                words = f"the key {key.value!r} twice in one table"
                raise yaml.constructor.ConstructorError(None, None, words, key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def _unreadable(path: str | Path, wanted: str, reason: str, do: str) -> InputError:
    return InputError(str(path), wanted=wanted, got=f"none that can be read ({reason})", do=do)


def _reason(error: Exception) -> str:
    """Returns why a text file cannot be read, with the line where there is one."""
    if isinstance(error, json.JSONDecodeError):
        before = error.doc[: error.pos].rstrip()
        if before.endswith(",") and error.doc[error.pos : error.pos + 1] in ("]", "}"):
            return f"a comma before the closing bracket, line {before.count(chr(10)) + 1}"
        return f"{error.msg[0].lower()}{error.msg[1:]}, line {error.lineno}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not {error.encoding.upper()} text"
    if isinstance(error, RecursionError):
        return "tables nested too deeply"
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else " ".join(str(error).split())


@contextmanager
def room_for(what: str, path: str | Path, do: str = "free some disk space") -> Iterator[None]:
    """Raises an error that names what could not be written, where the block that writes it meets an error of the system.

    Args:
        what: what is written.
        path: where.
        do: what the user is to do about it.

    Raises:
        InputError: the block raised an OSError, for example because the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise InputError(str(path), wanted=f"room for {what}", got=error.strerror or str(error), do=do) from error


@contextmanager
def replacing(path: str | Path, suffix: str = "") -> Iterator[Path]:
    """Gives a temporary path to write to; what lies there when the block ends takes the place of ``path``.

    For libraries that write files themselves. Where the block raises, the temporary file is removed and ``path`` is left as
    it was.

    Args:
        path: the file to make or to replace; its folder is made if it is not there.
        suffix: an ending that the library needs to recognise the format, such as ``.nii.gz``.
    """
    path = Path(path)
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.encode("utf-8", "ignore")[:LONGEST_TEMPORARY].decode("utf-8", "ignore")
    temporary = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}-{next(_numbers)}{TEMPORARY}{suffix}")
    try:
        yield temporary
        with written(path):
            _flush(temporary, os.O_RDWR)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be flushed
        _flush(path.parent, os.O_RDONLY)


@contextmanager
def written(path: str | Path) -> Iterator[None]:
    """Raises what the system says about a file that cannot be written or removed as an error in words.

    Args:
        path: the file.

    Raises:
        NotWritten: an error of the system came up in the block.
    """
    try:
        yield
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(path, error) from error


def readable(path: str | Path) -> str:
    r"""Returns a path as text that can be written in UTF-8, whatever its bytes and the locale; what is not UTF-8 as ``\xff``.

    Example:
        >>> readable(os.fsdecode(b"caf\xc3\xa9/b\xff.nii"))
        'café/b\\xff.nii'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_utf8(path: str | Path) -> bool:
    """Returns whether a path is UTF-8. Other paths can be opened, but not by all libraries, nor written into our files."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_leftover(path: Path) -> bool:
    """Returns whether a file is what a killed process left of a file that it was writing."""
    return path.name.startswith(".") and TEMPORARY in path.suffixes


class NotWritten(InputError, OSError):
    """A file that could not be written. It is the error of the system too, with its number.

    Args:
        path: the file.
        error: what the system said.
    """

    def __init__(self, path: str | Path, error: OSError) -> None:
        got = (error.strerror or str(error)).lower()
        do = (
            "free some disk space"
            if error.errno in FULL
            else "check the permissions and the disk, or use another folder"
        )
        InputError.__init__(self, str(path), wanted="a file that can be written", got=got, do=do)
        self.errno, self.strerror, self.filename = error.errno, error.strerror, str(path)

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return NotWritten, (self.filename, OSError(self.errno, self.strerror))


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
