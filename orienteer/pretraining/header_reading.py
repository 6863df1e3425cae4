"""The header reader of a run, trained after the encoder on coarse copies of its scans."""

from collections.abc import Iterable

import numpy as np

from orienteer.headers.cubes import CoarseScan, CubePolicy, coarse_scan
from orienteer.headers.reader import ENOUGH, MOST_JUDGED, MOST_SCANS, HeaderReader, train_reader
from orienteer.headers.training import HeaderTraining
from orienteer.pretraining.data import RunScans
from orienteer.progress import tracked
from orienteer.runs.run_config import RunConfig
from orienteer.store.store import Store

FEWEST = 3
"""With fewer scans nothing can be said about new ones."""


def run_reader(scans: RunScans, config: RunConfig, patients: dict[str, int]) -> HeaderReader | None:
    """Returns the header reader of a run; None if it has too few scans, or if ``header_steps`` is 0.

    A run of few steps trains its reader for few steps too.

    Args:
        scans: of the run.
        config: its settings.
        patients: patient by key, where it is known.
    """
    if config.header_steps == 0 or len(scans.training) + len(scans.heldout) < FEWEST:
        return None
    heldout = scans.heldout[:MOST_JUDGED]
    room = MOST_SCANS if len(heldout) >= ENOUGH else MOST_SCANS - len(heldout)
    training = scans.training[:room]
    shapes = [scans.store.scan(key).shape_vox for key in (*training, *heldout)]
    policy = CubePolicy.for_extents(np.array(shapes) * np.array(config.spacing_mm))
    coarse = dict(_coarse(scans.store, tracked([*training, *heldout], "reading whole scans", unit="scans"), policy))
    length = HeaderTraining(steps=min(config.header_steps, config.steps))
    learned, apart = ({key: coarse[key] for key in keys} for keys in (training, heldout))
    return train_reader(learned, apart, policy, length, config.seed, patients)


def _coarse(store: Store, keys: Iterable[str], policy: CubePolicy) -> Iterable[tuple[str, CoarseScan]]:
    for key in keys:
        scan = store.scan(key)
        yield key, coarse_scan(store.read(key, (0, 0, 0), scan.shape_vox), scan.spacing_mm, policy)
