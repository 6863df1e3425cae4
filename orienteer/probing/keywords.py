"""Keyword arguments of `probe`, typed so that editors complete them. `ProbeSettings` describes each."""

from collections.abc import Sequence
from typing import Literal, TypedDict


class ProbeKeywords(TypedDict, total=False):
    """What `probe` takes beside ``run``, ``data`` and ``out``."""

    scans: str | None
    kind: Literal["ridge", "logistic", "knn"]
    folds: int
    fold: int
    split: str | None
    group_by: str | None
    train_cases: int | None
    test_cases: int | None
    voxels: int
    test_voxels: int
    overlap: float
    spacing_mm: Sequence[float] | None
    modality: Literal["auto", "CT", "MR"]
    seed: int
    pictures: bool
    store: str | None
    workers: int | None
    accelerator: Literal["auto", "cpu", "gpu"]
