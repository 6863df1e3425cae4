"""Which scans are of one patient, or belong together otherwise: they never lie on both sides of a split."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from orienteer.errors import InputError
from orienteer.progress import say

BIDS = r"(?:^|/)(sub-[A-Za-z0-9]+)(?=[/_.]|$)"
"""How the Brain Imaging Data Structure writes the subject into the path of a scan."""

NONE = "none"
"""The pattern with which every scan is taken for a patient of its own."""


def check_pattern(pattern: str | None) -> None:
    """Stops at a pattern that is no regular expression.

    Raises:
        InputError: with what is wrong with it.
    """
    try:
        re.compile(pattern or "")
    except re.error as error:
        do = r"for example --group-by '(P\d+)_', where the brackets hold what is the patient"
        raise InputError("group_by", wanted="a regular expression", got=f"{pattern} ({error})", do=do) from error


def groups_of(
    names: Collection[str],
    named: Mapping[str, str] | None = None,
    pattern: str | None = None,
    contents: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Returns the group of each case that has one: its patient, or what else the data set names.

    Args:
        names: of all cases.
        named: group by name, where the data set names it.
        pattern: a regular expression over the names; its first group, or all that it matches, is the group of the case. By
            default BIDS' ``sub-...``. ``none``: no case has a group.
        contents: hash of each case's scan: the same scan under two names is one group.

    Example:
        >>> groups_of(["sub-01/ct", "sub-01/mr", "sub-02/ct", "other"])
        {'sub-01/ct': 'sub-01', 'sub-01/mr': 'sub-01', 'sub-02/ct': 'sub-02'}
        >>> groups_of(["P1_a", "P1_b", "P2_a"], pattern=r"(P\\d)_")
        {'P1_a': 'P1', 'P1_b': 'P1', 'P2_a': 'P2'}
    """
    check_pattern(pattern)
    groups: dict[str, str] = {}
    if pattern != NONE:
        for name in names:
            match = re.search(pattern or BIDS, name)
            if named and name in named and pattern is None:
                groups[name] = named[name]
            elif match is not None and match.group():
                groups[name] = match.group(1) if match.re.groups and match.group(1) else match.group()
    return _joined_by_content(names, groups, contents or {})


def say_unknown(names: Collection[str], groups: Mapping[str, str], pattern: str | None) -> None:
    """Says once that patients are not known, where no case has a group."""
    if pattern is None and not set(names) & set(groups):
        say(
            "note: which scans are of one patient is not known, so each is taken for a patient of its own. If some are of one: "
            "name it with --group-by REGEX, or as `patient` in the data set"
        )


def units(names: Sequence[str], groups: Mapping[str, str]) -> list[list[str]]:
    """Returns the cases in the order given, those of one group together, where its first one lies.

    Example:
        >>> units(["a", "b", "c", "d"], {"a": "P1", "c": "P1"})
        [['a', 'c'], ['b'], ['d']]
    """
    together: dict[tuple[bool, str], list[str]] = {}
    for name in names:
        together.setdefault((name in groups, groups.get(name, name)), []).append(name)
    return list(together.values())


def by_file_name(names: Collection[str]) -> list[str]:
    """Returns names in the order of their last parts, in which cases are dealt."""
    return sorted(names, key=lambda name: (PurePosixPath(name).name, name))


def refuse_shared(what: str, parts: Mapping[str, Collection[str]], groups: Mapping[str, str]) -> None:
    """Stops where scans of one group lie in two parts.

    Args:
        what: the split, for the message.
        parts: names of the cases by part.
        groups: group by name.

    Raises:
        InputError: naming the group and two of its cases.
    """
    first: dict[str, tuple[str, str]] = {}
    for part, names in parts.items():
        for name in sorted(names):
            other_part, other = first.setdefault(groups[name], (part, name)) if name in groups else (part, name)
            if other_part != part:
                raise InputError(
                    what,
                    wanted="all scans of one patient in one part",
                    got=f"{groups[name]} in two: {other!r} in {other_part}, {name!r} in {part}",
                    do="correct the split, or say which scans belong together with --group-by (none: every scan is alone)",
                )


def _joined_by_content(
    names: Collection[str], groups: Mapping[str, str], contents: Mapping[str, str]
) -> dict[str, str]:
    """Returns the groups after joining those that share a scan."""
    root: dict[str, str] = {}

    def find(group: str) -> str:
        while root.get(group, group) != group:
            group = root[group]
        return group

    keys = {name: f"g {groups[name]}" if name in groups else f"c {name}" for name in names}
    first: dict[str, str] = {}
    for name in names:
        if name in contents:
            other = first.setdefault(contents[name], name)
            root[find(keys[name])] = find(keys[other])
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(find(keys[name]), []).append(name)
    joined: dict[str, str] = {}
    for cases in members.values():
        known = [groups[name] for name in cases if name in groups]
        if known or len(cases) > 1:
            joined |= dict.fromkeys(cases, known[0] if known else cases[0])
    return {name: joined[name] for name in names if name in joined}
