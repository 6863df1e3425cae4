"""Every file of a folder of odd files is used, failed, left out with a reason, or counted as no scan."""

from pathlib import Path

import numpy as np

from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.store.prepare_folder import prepare_folder
from tests.helpers.odd_files import write_odd_files


def run(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Returns how many files lack in the counts, or have no reason, of a folder of odd files and of parts of it.

    Args:
        count: of files in a part. Every file is in one part; of a series or pair others may be in another.
        seed: of the parts.
        folder: to work in.
    """
    whole = folder / "whole"
    files = write_odd_files(whole)
    values = {"folders": 1, "files": files, **_counted(whole, folder / "store", files)}
    places = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and not path.is_symlink())
    order = np.random.default_rng(seed).permutation(len(places))
    for begin in range(0, len(order), count):
        part = folder / f"part {begin}"
        chosen = [places[at] for at in order[begin : begin + count]]
        for place in chosen:
            (part / place).parent.mkdir(parents=True, exist_ok=True)
            (part / place).hardlink_to(whole / place)
        for key, number in _counted(part, folder / "store", len(chosen)).items():
            values[key] += number
        values["folders"] += 1
        values["files"] += len(chosen)
    return values


def _counted(scans: Path, store: Path, files: int) -> dict[str, int]:
    """Returns the files by what became of them, those that are not counted once, and those without a reason."""
    discovery = discover(scans, progress=False)
    report = prepare_folder(discovery, store, preparation=Preparation((2.0, 2.0, 2.0)), workers=1, progress=False)
    failed = {failure.name for failure in report.failures}
    used = {*report.names, *(duplicate.name for duplicate in report.duplicates)}
    holders = {"used": used - failed, "failed": failed}
    counts = {
        key: sum(len(source.files) + len(source.companions) for source in discovery.sources if source.name in names)
        for key, names in holders.items()
    }
    counts["left_out"] = sum(item.files for item in discovery.left_out)
    counts["no_scans"] = sum(discovery.others.values())
    without = sum(not failure.reason for failure in report.failures) + sum(
        not item.reason for item in discovery.left_out
    )
    return {**counts, "unaccounted": abs(files - sum(counts.values())), "without_reason": without}
