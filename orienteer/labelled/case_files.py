"""Names of the files that a command writes for each scan: named like the scan, inside any folder, each another."""

from collections import Counter
from collections.abc import Sequence

from orienteer.labelled.datasets import case_name
from orienteer.output_names import safe_names


def case_files(scans: Sequence[str], ending: str) -> dict[str, str]:
    """Returns the file name of each scan's output: the scan's with another ending; behind its own where two would collide.

    Args:
        scans: names of the scans in their folder, each once.
        ending: of the files that are written.

    Example:
        >>> case_files(["a.nrrd", "b/c.nii.gz"], ".nii.gz")
        {'a.nrrd': 'a.nii.gz', 'b/c.nii.gz': 'b/c.nii.gz'}
        >>> case_files(["a.nrrd", "a.mha"], ".npy")
        {'a.nrrd': 'a.nrrd.npy', 'a.mha': 'a.mha.npy'}
    """
    names = {scan: case_name(scan) for scan in scans}
    for _ in range(2):  # twice: `a.nrrd.nii.gz` may be there beside `a.nrrd` and `a.mha`
        counts = Counter(names.values())
        names = {scan: scan if counts[name] > 1 else name for scan, name in names.items()}
    safe = safe_names(list(names.values()), ending)
    return {scan: safe[name] for scan, name in names.items()}
