"""Keyword arguments of `pretrain`, `plan`, `demo` and `prepare`, typed so that editors complete them.

`orienteer.runs.config.PretrainConfig` and `orienteer.pretraining.prepare.PrepareSettings` describe each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from orienteer.views.augment import Augmentation


class _ScanKeywords(TypedDict, total=False):
    """Which scans are used, and how they are prepared."""

    include: Sequence[str]
    exclude: Sequence[str]
    frame: int | None
    modality: Literal["auto", "CT", "MR"]
    spacing_mm: Sequence[float] | None
    ct_window_hu: Sequence[float] | None
    mr_percentiles: Sequence[float]
    crop_to_body: bool
    margin_mm: float


class DemoKeywords(_ScanKeywords, total=False):
    """What `demo` takes beside the settings that it has defaults of its own for."""

    views: int | None
    view_size: Sequence[int] | None
    min_body_fraction: float
    min_distance_mm: float | None
    max_distance_mm: float | None
    layout: Literal["free", "pairs", "mixed", "block"] | None
    pair_shift: float
    batch: int
    accumulate: int
    weight_decay: float
    warmup: float
    clip_norm: float
    weight_averaging: float
    teacher: bool | None
    teacher_decay: float
    grad_checkpointing: bool
    precision: Literal["32", "bf16", "16"]
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: int
    nodes: int
    workers: int
    validation_fraction: float | None
    group_by: str | None
    validation_sets: int
    validate_every: int | None
    header_steps: int
    log_every: int
    pictures: bool
    logger: Sequence[Literal["wandb", "mlflow"]]
    warp: float
    distortion: dict[str, Any]
    method: str
    tasks: dict[str, dict[str, Any]]
    only_tasks: bool
    encoder: str
    encoder_arguments: dict[str, Any]
    augmentation: Augmentation | Mapping[str, Any]
    unit_mm: float | None
    store: str | None
    audit_rules: bool
    skip_audited: str | None
    prepare_workers: int | None
    weights: str | None
    continue_from: str | None
    continue_optimiser: bool
    continue_schedule: Literal["new", "longer"]
    probe: str | None
    watch: bool
    resume: bool


class PretrainKeywords(DemoKeywords, total=False):
    """What `pretrain` and `plan` take beside ``scans`` and ``out``: the fields of `PretrainConfig`."""

    steps: int
    learning_rate: float | None
    seed: int


class PrepareKeywords(_ScanKeywords, total=False):
    """What `prepare` takes beside ``scans`` and ``store``: the fields of `PrepareSettings`."""

    encoder: str
    accelerator: Literal["auto", "cpu", "gpu"]
    group_by: str | None
    workers: int | None
    cluster: str | None
    shard: str | None
