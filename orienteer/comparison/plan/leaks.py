"""No scan that validates or tests is pretrained on: checked by the content of the files, before and after pretraining."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from orienteer.comparison.plan.parts import Parts
from orienteer.errors import InputError
from orienteer.labelled.overlap_contents import pretraining_contents


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
                    do="remove one of them, or give both to one part with --split",
                )


def refuse_leak(run: str | Path, parts: Parts, contents: Mapping[str, str]) -> None:
    """Stops where a pretraining has seen a scan of the validation or the test part, by the hash of its files.

    Raises:
        InputError: naming the first scan, or that the run's scans cannot be determined.
    """
    seen = pretraining_contents(str(run))
    heldout = {contents[name]: name for name in (*parts.validation, *parts.test)}
    if seen is None or (leaked := sorted(heldout[content] for content in seen & set(heldout))):
        got = "one whose scans cannot be determined" if seen is None else f"one that saw {leaked[0]!r}"
        do = "delete this run folder and give the command again"
        raise InputError(str(run), wanted="a pretraining on the pretraining part alone", got=got, do=do)
