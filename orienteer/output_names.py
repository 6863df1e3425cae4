"""Names of output files: made from names of the user, and always inside the output folder.

Names of scans, cases and classes come from files that anybody may have written. They are identifiers, never paths: every
output path that is made from one comes from `output_paths`.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from orienteer.errors import InputError
from orienteer.text import printable

LONGEST_PART, LONGEST_NAME = 150, 400
"""Bytes of one part of a name, and of a whole one. File systems take 255 for a part, with endings and temporary names."""

_FORBIDDEN = re.compile(r'[<>:"|?*\\\x7f]')
"""What some file systems do not take, Windows' and those of most USB disks among them."""

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def output_paths(folder: str | Path, names: Sequence[str], ending: str = "", below: str = "") -> dict[str, Path]:
    """Returns the path of an output file for each name, each another, all of them inside a folder.

    Args:
        folder: the output folder.
        names: of scans or cases.
        ending: of the files.
        below: the folder in it that the files go to.

    Raises:
        InputError: a link in the output folder leads out of it.

    Example:
        >>> paths = output_paths("out", ["imagesTr/a", "../../a"], ".nii.gz")
        >>> [path.as_posix() for path in paths.values()]
        ['out/imagesTr/a.nii.gz', 'out/a.nii.gz']
    """
    return {name: inside(folder, Path(below, safe)) for name, safe in safe_names(names, ending).items()}


def inside(folder: str | Path, name: str | Path) -> Path:
    """Returns the path of an output file, and refuses one that would lie outside its folder.

    Args:
        folder: the output folder.
        name: path of the file in it.

    Raises:
        InputError: the path is absolute, leads out of the folder by ``..`` or through a link, or is the folder itself.

    Example:
        >>> inside("out", "imagesTr/a.nii.gz").as_posix()
        'out/imagesTr/a.nii.gz'
        >>> inside("out", "../a.nii.gz")
        Traceback (most recent call last):
        orienteer.errors.InputError: output file ../a.nii.gz: wanted a place inside out, got one outside. \
Do this: rename the scan, or list it by a path inside its data set.
    """
    root = Path(folder).resolve()
    place = root / name
    # The last part may be a link: a file that is written takes its place, and what it points to stays as it is.
    if place.name in ("", "..") or place == root or not place.parent.resolve().is_relative_to(root):
        raise InputError(
            f"output file {name}",
            wanted=f"a place inside {folder}",
            got="one outside",
            do="rename the scan, or list it by a path inside its data set",
        )
    return Path(folder) / name


def safe_names(
    names: Sequence[str], ending: str | None = None, own_endings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Returns a relative path for every name, each another, that stays inside any folder that it is put into.

    A name that is one already is kept. Absolute paths and paths through ``..`` lose what leads out; characters that a
    terminal or a file system takes amiss become ``_``; long names end in a hash of the whole. Where two would become the
    same file, or one the folder of another, a number tells them apart. Names that differ only in case or in the form of
    their accents are the same file on some disks.

    Args:
        names: of scans or cases; any text.
        ending: of the files. By default the caller puts one behind each name.
        own_endings: the ending that a name has already and that stays the last of it, by name.

    Example:
        >>> safe_names(["ct/a", "../b", "/data/x/b", "../../b", "CT/A"])
        {'ct/a': 'ct/a', '../b': 'b', '/data/x/b': 'data/x/b', '../../b': 'b-2', 'CT/A': 'CT/A-2'}
        >>> safe_names(["ct/a"], ".nii.gz")
        {'ct/a': 'ct/a.nii.gz'}
    """
    files, folders = set[str](), set[str]()
    tails = {name: (own_endings or {}).get(name, "") for name in names}
    stems = {name: _safe(name.removesuffix(tail)) for name, tail in tails.items()}
    safe: dict[str, str] = {}
    for name in sorted(stems, key=lambda name: stems[name] + tails[name] != name):  # those that are kept come first
        stem = stems[name]
        if ending is not None and files & _folders_of(stem):  # another file has the name of its folder
            stem = stem.replace("/", "_")
        numbered = (f"{stem}{'' if number == 1 else f'-{number}'}{tails[name]}{ending or ''}" for number in count(1))
        chosen = next(path for path in numbered if all(_on_any_disk(path) not in taken for taken in (files, folders)))
        files.add(_on_any_disk(chosen))
        if ending is not None:
            folders |= _folders_of(chosen)
        safe[name] = chosen
    return {name: safe[name] for name in names}


def _folders_of(path: str) -> set[str]:
    parts = _on_any_disk(path).split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def _on_any_disk(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _safe(name: str) -> str:
    parts = [_safe_part(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    whole = "/".join(parts) or "unnamed"
    if len(whole.encode()) <= LONGEST_NAME:
        return whole
    return f"{_cut(parts[-1], LONGEST_PART - 9)}-{_hash(name)}"


def _safe_part(part: str) -> str:
    safe = "".join("_" if printable(letter) != letter else letter for letter in part)
    safe = _FORBIDDEN.sub("_", safe)
    if safe[0] in ".- ~" or _DEVICES.match(safe):  # hidden, an option, or a device
        safe = f"_{safe}"
    if safe[-1] in ". ":
        safe = f"{safe}_"
    return safe if len(safe.encode()) <= LONGEST_PART else f"{_cut(safe, LONGEST_PART - 9)}-{_hash(part)}"


def _cut(text: str, longest: int) -> str:
    return text.encode()[:longest].decode("utf-8", "ignore")


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
