"""How frozen features are measured, and the baselines without a network that each measurement has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orienteer.comparison.config import CompareConfig
from orienteer.errors import InputError
from orienteer.settings import make_settings

AXIS_ENDS = (("left", "right"), ("back", "front"), ("feet", "head"))
"""Names of the low and the high end of each axis of the body, in array order."""

ENDS = tuple(name for names in AXIS_ENDS for name in names)
"""All six."""


@dataclass(frozen=True)
class ProbeSettings:
    """How voxels are probed; see `orienteer probe`."""

    kind: Literal["ridge", "logistic", "knn"] = "ridge"
    voxels: int = 1000
    test_voxels: int = 20_000
    overlap: float = 0.25


@dataclass(frozen=True)
class RetrievalSettings:
    """How a landmark is searched for in another scan.

    Attributes:
        partners: scans B per scan A, drawn by the seed.
        places: largest number of places in the lattice over B.
        overlap: of the views, as in `features_at`.
        scaling_scans: pretraining scans from which mean and deviation of each channel are taken.
        choosing_cases: largest number of validation cases by which the level of the network is chosen.
        ends: extreme points of a class that are landmarks, besides its centre. Leave left and right out where scans show
            either half of the body: there they are not the same place.
    """

    partners: int = 5
    places: int = 8000
    overlap: float = 0.25
    scaling_scans: int = 16
    choosing_cases: int = 12
    ends: tuple[str, ...] = ENDS

    def __post_init__(self) -> None:
        """Rejects unknown ends."""
        for name in self.ends:
            if name not in ENDS:
                wanted = f"names among {', '.join(ENDS)}"
                raise InputError("retrieval.ends", wanted=wanted, got=name, do="use these names only")


@dataclass(frozen=True)
class SidesSettings:
    """How the side of a view is classified.

    Attributes:
        views: per scan and axis.
        training_scans: largest number of pretraining scans that the classifier is fitted on.
    """

    views: int = 16
    training_scans: int = 60


FrozenSettings = ProbeSettings | RetrievalSettings | SidesSettings

FROZEN: dict[str, type[FrozenSettings]] = {
    "probe": ProbeSettings,
    "retrieval": RetrievalSettings,
    "sides": SidesSettings,
}
"""The measurements on frozen features."""

MAJORITY_MAP = "majority map"
"""Baseline of the probe: the most frequent label at each place, counted from the scan's centre. It ignores the image."""

SAME_COORDINATES, RAW_PATCH = "same coordinates", "raw patch"
"""Baselines of retrieval: the same place counted from each scan's centre; the intensities of a patch, by correlation."""

HISTOGRAM = "histogram"
"""Baseline of sides: the same classifier on the view's intensity histogram."""

BASELINES: dict[str, tuple[str, ...]] = {
    "probe": (MAJORITY_MAP,),
    "retrieval": (SAME_COORDINATES, RAW_PATCH),
    "sides": (HISTOGRAM,),
}
"""Baselines without a network, by measurement."""


def resolve_measurements(config: CompareConfig) -> Mapping[str, FrozenSettings]:
    """Returns the settings of each measurement on frozen features that the comparison makes.

    Raises:
        InputError: an unknown setting or an impossible value.
    """
    changes: dict[str, dict[str, Any]] = {
        "probe": config.probe,
        "retrieval": config.retrieval,
        "sides": config.sides,
    }
    return {kind: make_settings(FROZEN[kind], changes[kind]) for kind in config.downstream if kind in FROZEN}
