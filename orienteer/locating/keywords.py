"""Keyword arguments of `locate`, typed so that editors complete them. `LocateSettings` describes each."""

from collections.abc import Sequence
from typing import Literal, TypedDict


class LocateKeywords(TypedDict, total=False):
    """What `locate` takes beside ``run``, ``scans`` and ``out``."""

    include: Sequence[str]
    exclude: Sequence[str]
    frame: int | None
    modality: Literal["auto", "CT", "MR"]
    template: Sequence[str]
    points: Sequence[str]
    labels: Sequence[str]
    label_names: str | None
    extremes: bool
    crop: Sequence[str]
    margin: float
    transform: bool
    to_dicom_sr: bool
    pictures: bool
    store: str | None
    workers: int | None
    accelerator: Literal["auto", "cpu", "gpu"]
    cluster: str | None
