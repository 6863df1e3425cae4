"""The scan as the page shows it: its own values at its own voxel size, in the box of the prepared scan.

The model sees values that are clipped to the window of the run, at the run's voxel size. A person looks at HU, and at detail.
Nothing here imports what takes long, so that a scan that is kept is on the page before the model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16

from orienteer.explorer.kept import Kept
from orienteer.runs.reading import read_reading
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class Shown:
    """A scan for a viewer.

    Attributes:
        voxels: integers; the value of a voxel is ``voxel * slope + intercept``.
        spacing_mm: voxel size.
        origin_mm: centre of voxel 0 in the body frame.
        slope: see above; 1 for CT, whose values are HU.
        intercept: see above.
        native_mm: voxel size of the file.
        window: the lowest and the highest value of the first window of MR.
    """

    voxels: Int16[np.ndarray, "size0 size1 size2"]
    spacing_mm: TripleMm
    origin_mm: TripleMm
    slope: float
    intercept: float
    native_mm: TripleMm
    window: tuple[float, float]

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""
        size0, size1, size2 = self.voxels.shape
        return size0, size1, size2


@dataclass(frozen=True)
class ShownScan:
    """What the page draws and says of a scan without the model.

    Attributes:
        name: file name.
        modality: ``CT`` or ``MR``.
        bounds_mm: the centres of the first and of the last voxel of the prepared scan: points lie between them.
        shown: its values.
    """

    name: str
    modality: str
    bounds_mm: tuple[TripleMm, TripleMm]
    shown: Shown


_RECORD = ("spacing_mm", "origin_mm", "slope", "intercept", "native_mm", "window")


def keep_shown(kept: Kept, key: str, scan: ShownScan) -> None:
    """Keeps a scan as the page shows it for the next start."""
    about: dict[str, Any] = {"name": scan.name, "modality": scan.modality, "bounds_mm": scan.bounds_mm}
    about |= {"shown": {name: getattr(scan.shown, name) for name in _RECORD}}
    kept.write(key, "shown", {"voxels": scan.shown.voxels.T}, about)


def kept_shown(kept: Kept, key: str) -> ShownScan | None:
    """Returns a scan as the page shows it; None if it is not kept."""
    whole = kept.read(key, "shown")
    if whole is None:
        return None
    arrays, about = whole
    shown = Shown(arrays["voxels"].T, **{name: _tuples(value) for name, value in about["shown"].items()})
    return ShownScan(about["name"], about["modality"], _tuples(about["bounds_mm"]), shown)


def kept_scans(run: str | Path, paths: Sequence[str | Path]) -> list[ShownScan]:
    """Returns the scans as the page shows them, where all of them are kept; else none.

    Raises:
        InputError: no run there, or its config.yaml is damaged.
    """
    reading = read_reading(Path(run))
    kept = Kept(Path(reading.store))
    scans = [kept_shown(kept, kept.key(path, reading.selection, reading.preparation)) for path in paths]
    known = [scan for scan in scans if scan is not None]
    return known if len(known) == len(scans) else []


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
