"""The size of a run's views and voxels."""

from orienteer.runs.loaded import LoadedRun
from orienteer.types import Triple, TripleMm


def view_size(loaded: LoadedRun) -> Triple:
    """Returns the size of the run's views in voxels."""
    return loaded.config.view_size


def spacing_mm(loaded: LoadedRun) -> TripleMm:
    """Returns the size of the run's voxels."""
    return loaded.config.spacing_mm
