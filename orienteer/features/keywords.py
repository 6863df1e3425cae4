"""Keyword arguments of `embed`, typed so that editors complete them. `EmbedSettings` describes each."""

from collections.abc import Sequence
from typing import Literal, TypedDict


class EmbedKeywords(TypedDict, total=False):
    """What `embed` takes beside ``run``, ``scans`` and ``out``."""

    include: Sequence[str]
    exclude: Sequence[str]
    frame: int | None
    modality: Literal["auto", "CT", "MR"]
    per_view: bool
    overlap: float
    pictures: bool
    store: str | None
    workers: int | None
    accelerator: Literal["auto", "cpu", "gpu"]
    cluster: str | None
