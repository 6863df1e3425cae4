"""Findings that nearly every scan of a group has: said once. By comparing scans with each other nothing can be said of them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from orienteer.screening.collection import ENOUGH, MOST_OF_ALL
from orienteer.screening.facts import ScanFacts
from orienteer.screening.findings import COLLECTION, Finding

Group = tuple[str, str]
"""What the scans of a group share, and its value: ("modality", "CT")."""


def said_once(findings: Sequence[Finding], facts: Sequence[ScanFacts]) -> list[Finding]:
    """Returns findings, those that nearly every scan of a group has as one of the group; errors of single scans are kept.

    Groups are all scans, those of one modality, of one scanner, and of one folder.
    """
    groups = _groups(facts)
    kept, together = list(findings), list[Finding]()
    for kind in dict.fromkeys(finding.kind for finding in findings):
        for group, members in groups.items():
            of_kind = [each for each in kept if each.kind == kind and each.scan in members]
            names = {each.scan for each in of_kind}
            if len(names) >= max(ENOUGH, MOST_OF_ALL * len(members)):
                together.append(_one(group, len(members), of_kind))
                gone = {id(each) for each in of_kind if each.level != "error"}
                kept = [each for each in kept if id(each) not in gone]
                break
    return kept + together


def too_few(facts: Sequence[ScanFacts]) -> list[Finding]:
    """Returns for each modality of fewer than eight scans that they cannot be compared with each other."""
    read = Counter(each.modality for each in facts if each.refusal is None and not each.labels)
    few = {name: count for name, count in read.items() if count < ENOUGH}
    do = "look at their voxel sizes and extents yourself"
    return [
        Finding(
            COLLECTION,
            "not_comparable",
            "note",
            f"{count} {name} scans: what is usual among so few is not known",
            do=do,
        )
        for name, count in few.items()
    ]


def _groups(facts: Sequence[ScanFacts]) -> Mapping[Group, set[str]]:
    groups: dict[Group, set[str]] = defaultdict(set)
    for each in facts:
        if each.refusal is None or each.refusal.step != "discover":
            groups["all", "scans"].add(each.name)
            groups["modality", each.modality or "unknown"].add(each.name)
            groups["scanner", (each.declared.scanner if each.declared else "") or "unknown"].add(each.name)
            groups["folder", each.name.rpartition("/")[0] or "the top folder"].add(each.name)
    return {group: names for group, names in groups.items() if len(names) >= ENOUGH and group != ("scanner", "unknown")}


def _one(group: Group, members: int, findings: Sequence[Finding]) -> Finding:
    first = max(findings, key=lambda each: each.sure)
    kind, name = group
    which = "all scans" if kind == "all" else f"scans of {kind} {name}"
    what = f"{len({each.scan for each in findings})} of {members} {which}: for example {first.scan}: {first.what}"
    do = f"{first.do}. What is alike in all scans cannot be told to be wrong by comparing them"
    level = "note" if first.level == "error" else first.level  # the errors themselves are kept
    names = tuple(sorted({each.scan for each in findings}))
    return replace(first, scan=COLLECTION, level=level, what=what, do=do, correction=None, others=names)
