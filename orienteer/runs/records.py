"""What a run folder records about its scans and its machine: scans.json, failures.csv, environment.json."""

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from orienteer.files import read_json, write_csv, write_json
from orienteer.runs.folder import COUNTS_FILE, FAILURES_FILE
from orienteer.scans.patients import UNKNOWN, units
from orienteer.store.outcomes import Failure

ENVIRONMENT_FILE = "environment.json"

_PACKAGES = ("orienteer", "torch", "monai", "pytorch-lightning", "SimpleITK", "blosc2", "numpy", "scikit-learn")


def write_counts(folder: Path, counts: Mapping[str, int]) -> None:
    """Writes scans.json: how many scans were read, failed and left out."""
    write_json(folder / COUNTS_FILE, dict(counts), indent=None)


def count_patients(keys: Sequence[str], patients: Mapping[str, str]) -> dict[str, int]:
    """Returns how many patients scans are of, each scan without a known one counted as one, and how many such scans there are.

    Example:
        >>> count_patients(["a", "b", "c"], {"a": "P1", "b": "P1"})
        {'patients': 2, 'patient_unknown': 1}
    """
    unknown = sum(key not in patients for key in keys)
    return {"patients": len(units(keys, patients)), "patient_unknown": unknown}


def patients_in_words(counts: Mapping[str, int]) -> str:
    """Returns what `count_patients` counted as a sentence. Runs of versions before 0.2 did not count.

    Example:
        >>> patients_in_words({"patients": 2, "patient_unknown": 1})
        'No patient is in both parts, as far as patients are known: 2, 1 of them scans that each count as one.'
    """
    patients, unknown = counts.get("patients", 0), counts.get("patient_unknown", 0)
    if patients == unknown:
        return f"{UNKNOWN.capitalize()}."
    if not unknown:
        return f"They are of {patients} patients, none of whom is in both parts."
    known = f"{patients}, {unknown} of them scans that each count as one"
    return f"No patient is in both parts, as far as patients are known: {known}."


def read_counts(folder: Path) -> dict[str, int]:
    """Returns what `write_counts` wrote.

    Raises:
        InputError: no such file, or a damaged one.
    """
    counts: dict[str, int] = read_json(folder / COUNTS_FILE, dict[str, int], wanted="the numbers of scans of a run")
    return counts


def write_failures(folder: Path, failures: Iterable[Failure], too_small: Mapping[str, str]) -> None:
    """Writes failures.csv: every scan that is not used, with the step that failed, the reason and what to do.

    Args:
        folder: the run folder.
        failures: scans that could not be prepared.
        too_small: the reason by name for scans that cannot hold a view.
    """
    rows = [[failure.name, failure.step, failure.reason, failure.do] for failure in failures]
    do = "make views smaller with --view-size or --spacing-mm, or leave the scan out with --exclude"
    rows += [[name, "fit", reason, do] for name, reason in too_small.items()]
    write_csv(folder / FAILURES_FILE, ["scan", "step", "reason", "what to do"], rows)


def write_environment(folder: Path, seed: int, data_fingerprint: str, device: str) -> None:
    """Writes environment.json: versions, seed, device, data fingerprint. Nothing that names a person or a machine."""
    facts = {
        "versions": {package: version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "device": device,
        "seed": seed,
        "data_fingerprint": data_fingerprint,
    }
    write_json(folder / ENVIRONMENT_FILE, facts)


def run_fingerprint(keys: Iterable[str], seed: int, steps: int) -> str:
    """Returns a hash that tells the checkpoints of one run from those of another of the same network.

    Args:
        keys: in the store, of all scans of the run.
        seed: of the run.
        steps: of the run.
    """
    return fingerprint([*keys, f"seed {seed}", f"steps {steps}"])


def fingerprint(contents: Iterable[str]) -> str:
    """Returns one hash of a set of scans, independent of their names and order.

    Args:
        contents: a hash of the content of each scan.

    Example:
        >>> fingerprint(["b", "a"]) == fingerprint(["a", "b"])
        True
    """
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()[:16]
