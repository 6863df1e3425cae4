"""Which scans a run can use, and which of them it holds out."""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from orienteer.errors import InputError
from orienteer.progress import say, tracked
from orienteer.runs.run_config import RunConfig
from orienteer.scans.patients import Evidence, find_patients, in_words, units
from orienteer.store.prepare_report import PrepareReport
from orienteer.store.store import Store
from orienteer.views.sample import can_hold


@dataclass(frozen=True)
class Usable:
    """Scans that can hold a view, and those that cannot.

    Attributes:
        keys: keys of the scans that can.
        too_small: the reason by key for those that cannot.
    """

    keys: tuple[str, ...]
    too_small: dict[str, str]


def usable_scans(store: Store, keys: Sequence[str], config: RunConfig, shown: bool = True) -> Usable:
    """Returns which prepared scans can hold a view of the run's size with enough body in it.

    Args:
        store: where the scans are.
        keys: the scans to check.
        config: the settings of the run.
        shown: show progress.
    """
    usable, too_small = [], {}
    for key in tracked(keys, "checking scans", unit="scans", shown=shown):
        shape_vox = store.scan(key).shape_vox
        reason = can_hold(shape_vox, store.body(key), config.view_size, config.min_body_fraction)
        if reason is None:
            usable.append(key)
        else:
            too_small[key] = reason
    return Usable(tuple(usable), too_small)


def say_patients(keys: Sequence[str], report: PrepareReport, group_by: str | None) -> dict[str, str]:
    """Returns the patient of each scan that has a known one, by key, and says how many patients there are.

    Args:
        keys: the scans that can be used.
        report: of preparing them, with their names and what their headers say.
        group_by: which names are of one patient, see `Evidence`.
    """
    groups = find_patients(report.names, Evidence({}, group_by, report.names, report.patients))
    of_key = {key: groups[name] for name, key in report.names.items() if name in groups}
    if set(keys) <= set(of_key):
        say(in_words(keys, of_key))
    return of_key


ENOUGH_HELDOUT, FEW_HELDOUT = 19, 3
"""Held-out scans that are enough to set limits for 5 % of scans, and that are needed to set any."""


def scans_to_hold_out(scans: int, validation_fraction: float | None) -> int:
    """Returns how many scans a run holds out; at least one, and not all.

    Args:
        scans: how many there are, at least two.
        validation_fraction: share of them; by default a tenth, or of fewer scans a fifth up to 19 and a third up to 3.

    Example:
        >>> [scans_to_hold_out(scans, None) for scans in (2, 9, 20, 60, 100, 400)]
        [1, 3, 4, 12, 19, 40]
        >>> scans_to_hold_out(20, 0.1)
        2
    """
    if validation_fraction is not None:
        return min(scans - 1, max(1, math.ceil(scans * validation_fraction - 1e-9)))
    return max(1, math.ceil(scans / 10), min(ENOUGH_HELDOUT, scans // 5), min(FEW_HELDOUT, scans // 3))


def split(
    keys: Sequence[str],
    validation_fraction: float | None,
    seed: int,
    groups: Mapping[str, str] | None = None,
    trained: Collection[str] = (),
) -> tuple[list[str], list[str]]:
    """Returns training and held-out keys. Scans of one patient are in one part.

    Patients are ordered by a hash of seed and key, so that a scan that is added later moves few others, and held out in this
    order as long as they do not exceed the fraction; where none is small enough, the first of the smallest is.

    Args:
        keys: of the scans.
        validation_fraction: share of the scans to hold out, see `scans_to_hold_out`.
        seed: decides which.
        groups: patient by key, where it is known.
        trained: keys of scans that the weights were trained on before: they are held out only where there are no others.

    Raises:
        InputError: fewer than two scans, or all of one patient.

    Example:
        >>> training, validation = split(["a", "b", "c", "d"], validation_fraction=0.25, seed=0)
        >>> len(training), len(validation)
        (3, 1)
        >>> split(["a", "b", "c", "d"], 0.25, seed=0, groups={"a": "P1", "b": "P1", "c": "P2", "d": "P2"})
        (['a', 'b'], ['c', 'd'])
    """
    if len(keys) < 2:
        raise InputError(
            "scans",
            wanted="at least 2 scans that can hold a view, one of them held out",
            got=str(len(keys)),
            do="add scans, or make views smaller with --view-size or --spacing-mm; `orienteer plan` shows the sizes",
        )
    ranked = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    patients = units(ranked, groups or {})
    if len(patients) < 2:
        raise InputError(
            "scans",
            wanted="scans of at least 2 patients, one of them held out",
            got=f"{len(keys)} scans of one",
            do="add scans of others; or use --group-by REGEX to say who is one patient (none: every scan is one)",
        )
    room = scans_to_hold_out(len(keys), validation_fraction)
    fresh = [scans for scans in patients if not {*scans} & {*trained}] or patients
    held_out: list[str] = []
    for scans in fresh:
        if len(held_out) + len(scans) <= room:
            held_out += scans
    held_out = held_out or min(fresh, key=len)
    return sorted(set(keys) - set(held_out)), sorted(held_out)
