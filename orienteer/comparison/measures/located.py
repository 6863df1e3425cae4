"""Places by `orienteer locate`: how far the map between two scans leads from the landmarks that both have.

This is what a user would get from a run, with the heads of those of its tasks that know places; retrieval by the nearest
feature measures the encoder's features alone.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from orienteer.comparison.measures.landmarks import landmarks
from orienteer.comparison.measures.matching import partners_of
from orienteer.comparison.measures.outcome import Value
from orienteer.comparison.plan.measurements import RetrievalSettings
from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import LabelledCase
from orienteer.labelled.label_cache import open_labels
from orienteer.locating.fields import ScanField, scan_field
from orienteer.locating.heads import PlaceHeads
from orienteer.locating.mapping import find_map
from orienteer.progress import Progress
from orienteer.store.store import Store

METRIC = "located_error_mm"

Marks = dict[tuple[int, str], Float64[np.ndarray, "3"]]
"""Landmarks in mm in the body frame, by class and name."""


def located_errors(
    frozen: Pretrained,
    heads: PlaceHeads | None,
    store: Store,
    cases: Sequence[LabelledCase],
    settings: RetrievalSettings,
    classes: Sequence[int],
    seed: int,
) -> list[Value]:
    """Returns the mean error in mm for every case as template, over the landmarks that it shares with its partners.

    Args:
        frozen: the encoder.
        heads: of the run's tasks that place cells or embed them; None for an encoder alone.
        store: holds the cases.
        cases: of the part that is scored.
        settings: partners and landmarks.
        classes: whose landmarks are used.
        seed: draws the partners, the same as for retrieval.
    """
    known: list[tuple[ScanField, Marks]] = []
    with Progress("locating places", 2 * len(cases), unit="cases") as progress:
        for case in cases:
            known.append((scan_field(frozen, store, case.key, heads), _marks_mm(store, case, classes, settings.ends)))
            progress.advance()
        values = []
        for number, others in enumerate(partners_of(len(cases), settings.partners, seed)):
            errors = [error for other in others for error in _pair_errors_mm(known[number], known[other])]
            if errors:
                values.append(Value(cases[number].name, METRIC, "mm", float(np.mean(errors))))
            progress.advance()
    return values


def _marks_mm(store: Store, case: LabelledCase, classes: Sequence[int], ends: Sequence[str]) -> Marks:
    scan = store.scan(case.key)
    marks = landmarks(open_labels(case.labels)[:], classes, ends)
    return {name: np.array(scan.origin_mm) + voxel * np.array(scan.spacing_mm) for name, voxel in marks.items()}


def _pair_errors_mm(one: tuple[ScanField, Marks], other: tuple[ScanField, Marks]) -> list[float]:
    shared = [name for name in one[1] if name in other[1]]
    if not shared:
        return []
    found = find_map(one[0], other[0])(np.array([one[1][name] for name in shared]))
    lengths: list[float] = np.linalg.norm(found - np.array([other[1][name] for name in shared]), axis=1).tolist()
    return lengths
