"""The settings of preparing scans, and their fingerprint."""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass

from orienteer.errors import InputError
from orienteer.types import TripleMm

STEPS_VERSION = 1
"""Goes up when the same settings give other voxels, so that old arrays are not mixed with new ones."""

READING_VERSION = 3
"""Goes up when the same file gives other values or places, so that scans are prepared again. Runs made before keep theirs."""


@dataclass(frozen=True)
class Preparation:
    """How scans are brought to one form. Scans of different settings are never mixed in training."""

    spacing_mm: TripleMm | None = None
    """Voxel size of the store in mm, for all scans (left-right, back-front, foot-head). By default planned."""

    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    """CT: the HU that become -1 and 1. Values beyond are clipped."""

    mr_percentiles: tuple[float, float] = (0.5, 99.5)
    """MR: the percentiles of each scan's body voxels that become -1 and 1. Values beyond are clipped."""

    crop_to_body: bool = True
    """Cut away the air around the body. Views of air are never drawn; this saves disk space."""

    margin_mm: float = 5.0
    """How much air to leave around the body when cropping, mm."""

    def __post_init__(self) -> None:
        if self.spacing_mm is not None and not all(0 < length < math.inf for length in self.spacing_mm):
            got = str(self.spacing_mm)
            raise InputError("spacing_mm", wanted="three lengths above 0", got=got, do="give them in mm")
        low, high = self.ct_window_hu
        if not -math.inf < low < high < math.inf:
            got = str(self.ct_window_hu)
            raise InputError("ct_window_hu", wanted="two HU, the lower one first", got=got, do="use (-1000, 1000)")
        low, high = self.mr_percentiles
        if not 0 <= low < high <= 100:
            got = str(self.mr_percentiles)
            raise InputError("mr_percentiles", wanted="0 <= lower < upper <= 100", got=got, do="use (0.5, 99.5)")
        if not 0 <= self.margin_mm < math.inf:
            raise InputError("margin_mm", wanted="a length of 0 or more", got=str(self.margin_mm), do="use 5")

    def spacing(self) -> TripleMm:
        """Returns the voxel size of the store in mm.

        Raises:
            InputError: it has not been chosen yet.
        """
        if self.spacing_mm is None:
            do = "set it; pretraining and orienteer plan choose one for a folder of scans"
            raise InputError("spacing_mm", wanted="a voxel size in mm", got="none", do=do)
        return self.spacing_mm

    def fingerprint(self) -> str:
        """Returns a short hash of these settings, the same on every machine.

        Example:
            >>> Preparation((2.0, 2.0, 2.0)).fingerprint() == Preparation((2.0, 2.0, 2.5)).fingerprint()
            False
            >>> len(Preparation((2.0, 2.0, 2.0)).fingerprint())
            12
        """
        return hashlib.sha256(self.description().encode()).hexdigest()[:12]

    def description(self) -> str:
        """Returns the settings as JSON, for people who inspect a store."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Preparation)}
        return json.dumps({"steps_version": STEPS_VERSION} | fields, sort_keys=True)
