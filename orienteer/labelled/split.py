"""Which labelled cases are for training and which for testing: dealt by file name, or from nnU-Net's splits_final.json."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from orienteer.errors import InputError
from orienteer.labelled.split_files import CaseNames, read_split_entries
from orienteer.scans.patients import by_file_name, refuse_shared, units


def split_cases(
    cases: Sequence[str],
    folds: int,
    fold: int,
    fraction: float = 1.0,
    seed: int = 0,
    split: str | None = None,
    aside: Sequence[str] = (),
    groups: Mapping[str, str] | None = None,
) -> tuple[list[str], list[str]]:
    """Returns the names of the training and of the test cases.

    Cases in the order of their file names are dealt in turn to the folds, those of one patient together. With a split file,
    its entry number ``fold`` decides, and cases that it does not name are left out. Which training cases a fraction keeps is
    decided by a hash of seed and name, so that a smaller fraction is a part of a larger one.

    Args:
        cases: names of all cases.
        folds: number of parts; ignored where there is a split file.
        fold: which part is the test set, 0 to folds - 1; or which entry of the split file.
        fraction: share of the training cases to keep, above 0 and up to 1.
        seed: decides which.
        split: a file like nnU-Net's splits_final.json: a list of ``{"train": [names], "val": [names]}``.
        aside: cases that cannot be used; the file may name them.
        groups: patient by name, where it is known.

    Raises:
        InputError: fewer patients than folds, a split file that does not fit the cases, or one that divides a patient.

    Example:
        >>> split_cases(["a/2", "b/1", "a/3", "a/4"], folds=2, fold=0)
        (['a/2', 'a/4'], ['a/3', 'b/1'])
    """
    if split is not None:
        training, test = read_split_file(split, fold, cases, aside)
        refuse_shared(str(split), {"train": training, "val": test}, groups or {})
    else:
        together = units(by_file_name(cases), groups or {})
        check_folds(folds, len(together), "cases" if len(together) == len(cases) else "patients")
        test = [name for unit in together[fold::folds] for name in unit] if folds > 1 else []
        training = sorted(set(cases) - set(test))
    return draw_cases(training, fraction, seed), sorted(test)


def check_folds(folds: int, count: int, what: str) -> None:
    """Stops where there are more folds than cases.

    Raises:
        InputError: with the largest number of folds.
    """
    if folds > count:
        wanted = f"at most as many as there are {what}, {count}"
        raise InputError("folds", wanted=wanted, got=str(folds), do="use fewer folds")


def draw_cases(cases: Sequence[str], fraction: float, seed: int) -> list[str]:
    """Returns the cases that a fraction keeps, at least one: those whose hash of seed and name comes first.

    Example:
        >>> tenth, fifth = (draw_cases([str(case) for case in range(20)], share, seed=0) for share in (0.1, 0.2))
        >>> len(tenth), len(fifth), set(tenth) < set(fifth)
        (2, 4, True)
    """
    return sorted(_ranked(cases, seed)[: max(1, math.ceil(fraction * len(cases) - 1e-9))])


def limit_cases(cases: Sequence[str], count: int | None, seed: int) -> list[str]:
    """Returns so many of the cases, sorted, or all of them; a smaller number of them is a part of a larger one.

    Raises:
        InputError: a number below one.

    Example:
        >>> set(limit_cases("abcdef", 2, seed=0)) < set(limit_cases("abcdef", 3, seed=0))
        True
    """
    if count is not None and count < 1:
        raise InputError("cases", wanted="at least 1", got=str(count), do="leave the limit out to use all")
    return sorted(_ranked(cases, seed)[:count])


def read_split_file(
    path: str | Path, fold: int, cases: Sequence[str], aside: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Returns the training and the test cases that one entry of a splits_final.json names, without those set aside.

    A case may be named in full, or by the last part of its name alone, as nnU-Net does.

    Raises:
        InputError: a file of another form, a fold that it lacks, a name of no case or of two, or a case in both lists.
    """
    entries = read_split_entries(path, ("train", "val"))
    if not 0 <= fold < len(entries):
        wanted = f"0 to {len(entries) - 1}, the entries of {Path(path).name}"
        raise InputError("fold", wanted=wanted, got=str(fold), do="use one of these")
    names = CaseNames(path, list(dict.fromkeys([*cases, *aside])))
    # A case that is listed twice is there and set aside: what is there counts.
    training, test = ({names.case(name) for name in entries[fold][key]} & set(cases) for key in ("train", "val"))
    both = sorted(training & test)
    if both or not training:
        got = f"{both[0]} in both lists" if both else "no training case"
        raise InputError(str(path), wanted="training and test cases apart", got=got, do="correct the split file")
    return sorted(training), sorted(test)


def _ranked(names: Sequence[str], seed: int) -> list[str]:
    return sorted(
        names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).hexdigest()
    )
