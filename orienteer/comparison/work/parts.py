"""Which cases are pretrained on, which choose and which test, and the proof that none is in two parts."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.datasets import Case
from orienteer.labelled.overlap import pretraining_contents
from orienteer.scans.content import data_files

SHARES = (0.6, 0.2, 0.2)
"""Pretraining, validation, test, where nobody says."""


@dataclass(frozen=True)
class Parts:
    """The names of the cases of each part; no case is in two."""

    pretraining: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def part(self, name: str) -> tuple[str, ...]:
        """Returns the cases of ``pretraining``, ``validation`` or ``test``."""
        return asdict(self)[name]


def deal(names: Sequence[str], counts: tuple[int, int, int] | None = None) -> Parts:
    """Returns the first cases in the order of their file names for pretraining, the next for validation and for the test.

    Args:
        names: of all cases.
        counts: size of each part. By default 60, 20 and 20 % of the cases.

    Raises:
        InputError: more cases asked for than there are.

    Example:
        >>> deal(["b/2", "a/1", "a/3", "a/4", "a/5"])
        Parts(pretraining=('a/1', 'b/2', 'a/3'), validation=('a/4',), test=('a/5',))
    """
    ordered = sorted(names, key=lambda name: (Path(name).name, name))
    if counts is None:
        last = [round(len(ordered) * sum(SHARES[: part + 1])) for part in range(3)]
        counts = last[0], last[1] - last[0], last[2] - last[1]
    if sum(counts) > len(ordered):
        wanted = f"at most the {len(ordered)} cases that there are"
        raise InputError("cases", wanted=wanted, got=f"{sum(counts)}", do="ask for fewer")
    first, second = counts[0], counts[0] + counts[1]
    return _checked(Parts(tuple(ordered[:first]), tuple(ordered[first:second]), tuple(ordered[second : sum(counts)])))


def read_parts(path: str | Path, names: Sequence[str]) -> Parts:
    """Returns the parts that the first entry of a file like nnU-Net's splits_final.json names.

    Args:
        path: a list of ``{"train": [names], "val": [names], "test": [names]}``; test may be missing.
        names: of all cases. The file may name them by their last part alone.

    Raises:
        InputError: a file of another form, or a name that no case or more than one case has.
    """
    try:
        said = json.loads(Path(path).read_text())
        entry = said[0] if isinstance(said, list) else said
        lists = [list(entry[key]) for key in ("train", "val")] + [list(entry.get("test", []))]
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        wanted = 'a list of {"train": [names], "val": [names], "test": [names]}'
        got = f"none that can be read ({type(error).__name__})"
        raise InputError(str(path), wanted=wanted, got=got, do="mend the split file") from error
    by_name: dict[str, list[str]] = {}
    for name in names:
        for known in {name, Path(name).name}:
            by_name.setdefault(known, []).append(name)
    for word in (word for words in lists for word in words):
        found = by_name.get(str(word), [])
        if len(found) != 1:
            got = f"{word!r}, which {f'{len(found)} cases have' if found else 'no case has'}"
            raise InputError(str(path), wanted="names of cases", got=got, do="mend the split file")
    parts = [tuple(by_name[str(word)][0] for word in words) for words in lists]
    return _checked(Parts(parts[0], parts[1], parts[2]))


def check_part(parts: Parts, name: str) -> None:
    """Stops where a part that is to be scored has no case.

    Raises:
        InputError: naming the part.
    """
    if not parts.part(name):
        do = "give it cases with --cases or in the split file, or choose another --evaluate"
        raise InputError("evaluate", wanted="a part with cases", got=f"'{name}', which has none", do=do)


def refuse_twins(parts: Parts, contents: Mapping[str, str]) -> None:
    """Stops where one scan lies in two parts under two names.

    Args:
        contents: hash of each case's scan by name.

    Raises:
        InputError: naming the first two.
    """
    first: dict[str, tuple[str, str]] = {}
    for part, names in asdict(parts).items():
        for name in names:
            other_part, other = first.setdefault(contents[name], (part, name))
            if other_part != part:
                raise InputError(
                    "data",
                    wanted="no scan in two parts",
                    got=f"{name!r} in the {part} part, the same scan as {other!r} in the {other_part} part",
                    do="take one of them out, or give both to one part with --split",
                )


def refuse_leak(run: str | Path, parts: Parts, contents: Mapping[str, str]) -> None:
    """Stops where a pretraining has seen a scan of the validation or the test part, by the hash of its files.

    Raises:
        InputError: naming the first scan, or saying that nobody can tell.
    """
    seen = pretraining_contents(str(run))
    kept = {contents[name]: name for name in (*parts.validation, *parts.test)}
    if seen is None or (both := sorted(kept[content] for content in seen & set(kept))):
        got = "one that does not say what it saw" if seen is None else f"one that saw {both[0]!r}"
        do = "delete this run folder and give the command again"
        raise InputError(str(run), wanted="a pretraining on the pretraining part alone", got=got, do=do)


def link_scans(cases: Sequence[Case], folder: Path) -> None:
    """Makes a folder of links to the scans of these cases and nothing else; copies where links cannot be made."""
    wanted = {}
    for case in cases:
        first = case.source.files[0].parent
        place = folder / (case.source.name if len(case.source.files) > 1 else Path(case.source.name).parent)
        for file in data_files(case.source):
            wanted[place / os.path.relpath(file, first)] = file.resolve()
    for path in [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]:
        if path not in wanted or path.resolve() != wanted[path]:
            path.unlink()
    for path, file in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            continue
        try:
            path.symlink_to(file)
        except OSError:
            shutil.copyfile(file, path)


def _checked(parts: Parts) -> Parts:
    every = [name for names in asdict(parts).values() for name in names]
    twice = sorted(name for name in set(every) if every.count(name) > 1)
    if twice or len(parts.pretraining) < 2:
        got = f"{twice[0]!r} twice" if twice else f"{len(parts.pretraining)} to pretrain on"
        wanted = "each case in one part, and at least 2 to pretrain on"
        raise InputError("split", wanted=wanted, got=got, do="mend the split")
    return parts
