"""The collections of the benchmark of audit, each in two parts: one that limits are calibrated on, one that is tested."""

from dataclasses import dataclass
from pathlib import Path

from orienteer.phantoms.torso import write_phantoms
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource

DATA = Path(__file__).parents[2] / "shared" / "data"

CALIBRATION = 8
"""Scans of each real collection, the first by name, that limits are calibrated on and that the benchmark does not use."""

TESTED_SEED, CALIBRATED_SEED = 0, 77
"""Seeds of the synthetic scans of the two parts."""

TRUE_OF = {"abdomen_ct": {"clipped", "interpolated"}}
"""Kinds that are true of a collection as it is, by its description: these abdominal CT went through a window of [-125, 275]
HU, and some were resampled from slices of 5 mm. They are counted apart."""

SAME_PART = {"abdomen_ct", "phantoms"}
"""Both are CT of the trunk: one of them is no other part of the body among the other."""

PEOPLE = (("brain_1018", "brain_1038"), ("brain_1019", "brain_1039"))
"""Two people of brain_mr who were scanned twice."""


@dataclass(frozen=True)
class Part:
    """Scans of one collection: those to test, and those to calibrate on."""

    name: str
    tested: tuple[ScanSource, ...]
    calibration: tuple[ScanSource, ...]


def collection(name: str, work: Path, count: int = 20) -> Part:
    """Returns a collection in two parts.

    Args:
        name: ``abdomen_ct``, ``brain_mr`` or ``hippocampus`` of the shared data, or ``phantoms``.
        work: folder for synthetic scans.
        count: number of synthetic scans to test.
    """
    if name == "phantoms":
        tested = write_phantoms(work / "phantoms", count, seed=TESTED_SEED, labels=False, progress=False)
        others = write_phantoms(work / "calibration", CALIBRATION, seed=CALIBRATED_SEED, labels=False, progress=False)
        return Part(
            name, discover(tested[0].parent, progress=False).sources, discover(others[0].parent, progress=False).sources
        )
    sources = discover(DATA / name / "imagesTr", progress=False).sources
    return Part(name, sources[CALIBRATION:], sources[:CALIBRATION])
