"""Maps between explored scans, kept in the store for each pair of scans and each state of the network."""

import numpy as np

from orienteer.explorer.kept import Kept
from orienteer.explorer.kept_features import weights_hash
from orienteer.explorer.same_place import PlaceMaps
from orienteer.explorer.scan import OpenScan
from orienteer.locating.affine import Affine
from orienteer.locating.bending import Bent
from orienteer.locating.fields import Box
from orienteer.locating.held import PairMap
from orienteer.locating.mapping import FoundMap
from orienteer.locating.splines import ControlGrid
from orienteer.runs.loaded import LoadedRun

FORMAT = 2
"""Goes up when the same scans and network give another map."""

_SIGNS = ("agreement", "matched", "source", "step_mm")


def kept_maps(kept: Kept, first: OpenScan, second: OpenScan, loaded: LoadedRun) -> PlaceMaps | None:
    """Returns the maps between two scans as they were found with the same weights; None if they were not kept."""
    there, back = _read(kept, first, second, loaded), _read(kept, second, first, loaded)
    return None if there is None or back is None else PlaceMaps(there, back)


def keep_maps(kept: Kept, first: OpenScan, second: OpenScan, loaded: LoadedRun, maps: PlaceMaps) -> None:
    """Keeps the maps between two scans for the next start."""
    if first.key and second.key:
        _write(kept, first, _name(second, loaded), maps.there)
        _write(kept, second, _name(first, loaded), maps.back)


def _name(other: OpenScan, loaded: LoadedRun) -> str:
    return f"map{FORMAT}_{weights_hash(loaded)}_{other.key}"


def _write(kept: Kept, scan: OpenScan, name: str, pair: PairMap) -> None:
    found, bent = pair.found, pair.found.bent
    assert bent.grid is not None, "a map that was found is bent"
    assert bent.controls_mm is not None, "a map that was found is bent"
    arrays = {
        "matrix": bent.affine.matrix,
        "offset_mm": bent.affine.offset_mm,
        "grid_origin_mm": bent.grid.origin_mm,
        "controls_mm": bent.controls_mm,
        "matches_mm": found.matches_mm,
        "box": np.stack(pair.box),
    }
    about = {sign: getattr(found, sign) for sign in _SIGNS}
    kept.write(scan.key, name, arrays, about | {"grid_shape": list(bent.grid.shape), "grid_step_mm": bent.grid.step_mm})


def _read(kept: Kept, scan: OpenScan, other: OpenScan, loaded: LoadedRun) -> PairMap | None:
    whole = kept.read(scan.key, _name(other, loaded))
    if whole is None:
        return None
    arrays, about = whole
    shape0, shape1, shape2 = about["grid_shape"]
    grid = ControlGrid((shape0, shape1, shape2), arrays["grid_origin_mm"], about["grid_step_mm"])
    bent = Bent(Affine(arrays["matrix"], arrays["offset_mm"]), grid, arrays["controls_mm"])
    found = FoundMap(bent, matches_mm=arrays["matches_mm"], **{sign: about[sign] for sign in _SIGNS})
    return PairMap(found, Box(*arrays["box"]))
