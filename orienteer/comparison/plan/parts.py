"""Which cases are pretrained on, which validate and which test."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.split_files import CaseNames, read_split_entries
from orienteer.progress import say
from orienteer.scans.patients import by_file_name, refuse_shared, units

PARTS = ("pretraining", "validation", "test")

SHARES = (0.6, 0.2, 0.2)
"""Default shares of pretraining, validation and test."""


@dataclass(frozen=True)
class Parts:
    """The names of the cases of each part; no case is in two."""

    pretraining: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def part(self, name: str) -> tuple[str, ...]:
        """Returns the cases of ``pretraining``, ``validation`` or ``test``."""
        names: tuple[str, ...] = asdict(self)[name]
        return names


def deal(
    names: Sequence[str], counts: tuple[int, int, int] | None = None, groups: Mapping[str, str] | None = None
) -> Parts:
    """Returns the first cases in the order of their file names for pretraining, the next for validation and for the test.

    Args:
        names: of all cases.
        counts: size of each part. By default 60, 20 and 20 % of the cases. A part becomes larger where the last patient in it
            has several scans.
        groups: patient by name, where it is known.

    Raises:
        InputError: more cases are asked for than there are.

    Example:
        >>> deal(["b/2", "a/1", "a/3", "a/4", "a/5"])
        Parts(pretraining=('a/1', 'b/2', 'a/3'), validation=('a/4',), test=('a/5',))
    """
    ordered = by_file_name(names)
    if counts is None:
        last = [round(len(ordered) * sum(SHARES[: part + 1])) for part in range(3)]
        counts = last[0], last[1] - last[0], last[2] - last[1]
    if sum(counts) > len(ordered):
        wanted = f"at most the {len(ordered)} cases of the data set"
        raise InputError("cases", wanted=wanted, got=f"{sum(counts)}", do="ask for fewer")
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for together in units(ordered, groups or {}):
        part = next((part for part, count in zip(parts, counts, strict=True) if len(part) < count), None)
        if part is None:
            break
        part.extend(together)
    sizes = tuple(len(part) for part in parts)
    if sizes != counts:
        say(f"note: patients are kept together: the parts have {', '.join(map(str, sizes))} cases")
    return _checked(Parts(*(tuple(part) for part in parts)), groups or {})


def read_parts(path: str | Path, names: Sequence[str], groups: Mapping[str, str] | None = None) -> Parts:
    """Returns the parts that the first entry of a file like nnU-Net's splits_final.json names.

    Args:
        path: a list of ``{"train": [names], "val": [names], "test": [names]}``; test may be missing.
        names: of all cases. The file may name them by the last part of their path alone.
        groups: patient by name, where it is known.

    Raises:
        InputError: a file of another form, a name that no case or more than one case has, or a patient in two parts.
    """
    entry = read_split_entries(path, ("train", "val", "test"), may_lack=("test",))[0]
    known = CaseNames(path, names)
    parts = [tuple(known.case(name) for name in entry[key]) for key in ("train", "val", "test")]
    dealt = _checked(Parts(parts[0], parts[1], parts[2]), groups or {})
    refuse_shared(str(path), asdict(dealt), groups or {})
    return dealt


def check_part(parts: Parts, name: str) -> None:
    """Stops where a part that will be scored has no case.

    Raises:
        InputError: naming the part.
    """
    if not parts.part(name):
        do = "give it cases with --cases or in the split file, or choose another --evaluate"
        raise InputError("evaluate", wanted="a part with cases", got=f"'{name}', which has none", do=do)


def _checked(parts: Parts, groups: Mapping[str, str]) -> Parts:
    every = [name for names in asdict(parts).values() for name in names]
    twice = sorted(name for name in set(every) if every.count(name) > 1)
    if twice or len(parts.pretraining) < 2:
        got = f"{twice[0]!r} twice" if twice else f"{len(parts.pretraining)} to pretrain on"
        wanted = "each case in one part, and at least 2 to pretrain on"
        raise InputError("split", wanted=wanted, got=got, do="correct --split or --cases")
    if len(units(parts.pretraining, groups)) < 2:
        wanted = "scans of at least 2 patients to pretrain on, one of them held out"
        raise InputError("split", wanted=wanted, got="scans of one", do="correct --split, --cases or --group-by")
    return parts
