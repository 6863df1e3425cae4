"""Which scans are of one patient, or belong together otherwise: they never lie on both sides of a split."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from orienteer.errors import InputError
from orienteer.files import csv_rows
from orienteer.progress import say
from orienteer.scans.kinds import SUFFIXES

BIDS = r"(?:^|/)(sub-[A-Za-z0-9]+)(?=[/_.]|$)"
"""How the Brain Imaging Data Structure writes the subject into the path of a scan."""

TABLE = ".csv"
"""A pattern with this ending is a table with the columns ``scan`` and ``patient``, as `orienteer audit` writes it."""

NONE = "none"
"""The pattern with which every scan is taken for a patient of its own."""

UNKNOWN = "patients are not known: each scan counts as one"
"""Printed where nothing shows which scans are of one patient."""


def check_pattern(pattern: str | None) -> None:
    """Stops at a pattern that is no regular expression, and at a table of patients that cannot be read.

    Raises:
        InputError: with what is wrong with it.
    """
    if is_table(pattern):
        _table(str(pattern))
        return
    try:
        re.compile(pattern or "")
    except re.error as error:
        do = r"for example --group-by '(P\d+)_', where the brackets hold what is the patient"
        raise InputError("group_by", wanted="a regular expression", got=f"{pattern} ({error})", do=do) from error


def is_table(pattern: str | None) -> bool:
    """Returns whether what says which scans are of one patient is a table, and not a regular expression."""
    return pattern is not None and pattern.lower().endswith(TABLE)


def check_matches(pattern: str | None, names: Collection[str]) -> None:
    """Stops at a pattern that matches no name: every scan would silently be a patient of its own.

    Raises:
        InputError: with one of the names.
    """
    check_pattern(pattern)
    if names and not matches(pattern, names):
        do = "write it for names like this one, or use --group-by none to take every scan for a patient of its own"
        got = f"{pattern}, which matches none of {len(names)}, first {min(names)!r}"
        raise InputError("group_by", wanted="a regular expression that matches the names of scans", got=got, do=do)


def matches(pattern: str | None, names: Collection[str]) -> bool:
    """Returns whether a pattern finds a patient in any of the names; None and ``none`` are for all names."""
    return pattern in (None, NONE) or bool(_found(str(pattern), names))


@dataclass(frozen=True)
class Evidence:
    """What shows which scans are of one patient, beside their names.

    Attributes:
        named: group by name, where the data set names it.
        pattern: a regular expression over the names; its first group, or all that it matches, is the group of the scan. By
            default BIDS' ``sub-...``. ``none``: no scan has a group. Or a table (.csv) with the columns scan and patient.
        contents: hash of each scan: the same scan under two names is one group.
        hashes: hash of the patient by name, where a DICOM header names one, see `dicom_patients`. It is not among the groups.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    contents: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)


def find_patients(names: Collection[str], evidence: Evidence) -> dict[str, str]:
    """Returns the same as `groups_of`, and says once for how many scans the patient is not known.

    Raises:
        InputError: a pattern that is no regular expression, or that matches no name.
    """
    check_matches(evidence.pattern, names)
    known = groups_of(names, replace(evidence, contents={}))  # a copy of a scan says nothing about its patient
    if evidence.pattern != NONE and len(known) < len(names):
        do = "If some are of one patient: name it with --group-by REGEX, or as `patient` in a labelled data set"
        say(f"note: {in_words(names, known, evidence.pattern)}. {do}")
    return groups_of(names, evidence)


def groups_of(names: Collection[str], evidence: Evidence | None = None) -> dict[str, str]:
    """Returns the group of each scan that has one: its patient, or what else the data set names.

    What the pattern finds in a name goes before what the data set says, and this before BIDS and DICOM, which count together.

    Args:
        names: of all scans.
        evidence: what is known beside the names; by default nothing.

    Example:
        >>> groups_of(["sub-01/ct", "sub-01/mr", "sub-02/ct", "other"])
        {'sub-01/ct': 'sub-01', 'sub-01/mr': 'sub-01', 'sub-02/ct': 'sub-02'}
        >>> groups_of(["P1_a", "P1_b", "P2_a"], Evidence(pattern=r"(P\\d)_"))
        {'P1_a': 'P1', 'P1_b': 'P1', 'P2_a': 'P2'}
        >>> groups_of(["a", "b", "c"], Evidence(hashes={"a": "5f", "c": "5f"}))
        {'a': 'the patient of a', 'c': 'the patient of a'}
    """
    evidence = evidence or Evidence()
    named, pattern = evidence.named, evidence.pattern
    check_pattern(pattern)
    labels = {} if pattern == NONE else _labels(names, named, pattern)
    named_by_user = (set(_found(pattern, names)) if pattern else set()) | set(named)
    decided = set(names) if pattern == NONE else named_by_user  # a header does not count against it
    hashes = {name: value for name, value in evidence.hashes.items() if name not in decided}
    kinds = (("label", labels), ("patient", hashes), ("content", evidence.contents))
    pieces = {name: [(kind, values[name]) for kind, values in kinds if name in values] for name in names}
    groups: dict[str, str] = {}
    for members in _joined(pieces):
        label = next((labels[name] for name in members if name in labels), None)
        if label is None and any(name in hashes for name in members):
            label = f"the patient of {members[0]}"
        if label is not None or len(members) > 1:
            groups |= dict.fromkeys(members, label or members[0])
    return {name: groups[name] for name in names if name in groups}


def in_words(names: Collection[str], groups: Mapping[str, str], pattern: str | None = None) -> str:
    """Returns how many patients scans are of, as far as this is known.

    Example:
        >>> in_words(["a", "b"], {})
        'patients are not known: each scan counts as one'
        >>> in_words(["a", "b", "c"], {"a": "P1", "b": "P1"})
        'at most 2 patients; not known for 1 of 3 scans, first c: each of these counts as one'
        >>> in_words(["a", "b"], {"a": "P1", "b": "P1"})
        '1 patient'
    """
    if pattern == NONE:
        return "each scan counts as a patient (--group-by none)"
    unknown = sorted(set(names) - set(groups))
    if len(unknown) == len(names):
        return UNKNOWN
    count = len(units(list(names), groups))
    patients = f"{count} {'patient' if count == 1 else 'patients'}"
    if not unknown:
        return patients
    unknown_words = f"{len(unknown)} of {len(names)} scans, first {unknown[0]}"
    return f"at most {patients}; not known for {unknown_words}: each of these counts as one"


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


def _found(pattern: str, names: Collection[str]) -> dict[str, str]:
    """Returns the group that a pattern or a table finds for each name that it knows."""
    if is_table(pattern):
        table = _table(pattern)
        return {name: patient for name in names if (patient := _looked_up(table, name)) is not None}
    return {name: group for name in names if (group := _matched(pattern, name)) is not None}


def _table(file: str) -> dict[str, str]:
    """Returns the patient of each scan in a table, by the scan's name without its ending.

    Raises:
        InputError: it cannot be read, or lacks the columns.
    """
    rows = csv_rows(file)
    if not rows or not {"scan", "patient"} <= set(rows[0]):
        got = f"the columns {', '.join(rows[0])}" if rows else "no row"
        do = "use groups.csv of orienteer audit, or a table of that form"
        raise InputError(f"group_by {file}", wanted="a table with the columns scan and patient", got=got, do=do)
    return {_without_ending(row["scan"]): row["patient"].strip() for row in rows if row["patient"].strip()}


def _looked_up(table: Mapping[str, str], name: str) -> str | None:
    """Returns the patient of a scan; None where the table lacks it.

    The table may have been made of a folder above or below: then the only entry counts whose path ends like the name.
    """
    wanted = _without_ending(name)
    if wanted in table:
        return table[wanted]
    alike = [key for key in table if key.endswith(f"/{wanted}") or wanted.endswith(f"/{key}")]
    return table[alike[0]] if len(alike) == 1 else None


def _without_ending(name: str) -> str:
    """Returns a name without the ending of its format and nnU-Net's channel number, as cases of data sets are named."""
    end = max((end for end in SUFFIXES if name.lower().endswith(end)), key=len, default="")
    return name[: len(name) - len(end)].removesuffix("_0000")


def _matched(pattern: str, name: str) -> str | None:
    """Returns the group that a pattern finds in a name; None where it finds nothing."""
    match = re.search(pattern, name)
    if match is None:
        return None
    return (match.group(1) if match.re.groups and match.group(1) else match.group()) or None


def _labels(names: Collection[str], named: Mapping[str, str], pattern: str | None) -> dict[str, str]:
    labels: dict[str, str] = {}
    found = _found(pattern, names) if pattern else {}
    for name in names:
        label = found.get(name) or named.get(name) or _matched(BIDS, name)
        if label:
            labels[name] = label
    return labels


def _joined(evidence: Mapping[str, Sequence[tuple[str, str]]]) -> list[list[str]]:
    """Returns the names in groups: those that share a piece of evidence, directly or through others, are together."""
    root: dict[tuple[str, str], tuple[str, str]] = {}

    def find(node: tuple[str, str]) -> tuple[str, str]:
        while root.get(node, node) != node:
            node = root[node]
        return node

    for name, pieces in evidence.items():
        for piece in pieces:
            root[find(("name", name))] = find(piece)
    members: dict[tuple[str, str], list[str]] = {}
    for name in evidence:
        members.setdefault(find(("name", name)), []).append(name)
    return list(members.values())
