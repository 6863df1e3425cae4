"""Keyword arguments of `finetune`, typed so that editors complete them. `FinetuneConfig` describes each."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict


class FinetuneKeywords(TypedDict, total=False):
    """What `finetune` takes beside ``run``, ``data`` and ``out``."""

    start: str | None
    images: str | None
    labels: str | None
    task: Literal["segmentation", "classification"]
    folds: int
    fold: int
    split: str | None
    group_by: str | None
    fraction: float
    seed: int
    steps: int
    batch: int
    patch_size: Sequence[int] | None
    learning_rate: float
    weight_decay: float
    warmup: float
    clip_norm: float
    schedule: Literal["full", "frozen", "decoder-first"]
    decoder_first: float
    layer_decay: float
    mirror: Literal["left-right", "all", "none"]
    output_layer: Literal["fitted", "new"]
    deep_supervision: bool
    overlap: float
    encoder: str
    encoder_arguments: dict[str, Any]
    modality: Literal["auto", "CT", "MR"]
    spacing_mm: Sequence[float] | None
    ct_window_hu: Sequence[float] | None
    mr_percentiles: Sequence[float] | None
    precision: Literal["auto", "32", "bf16"]
    accelerator: Literal["auto", "cpu", "gpu"]
    workers: int
    prepare_workers: int | None
    store: str | None
    log_every: int
    save_every: int
    logger: Sequence[Literal["wandb", "mlflow"]]
    pictures: bool
    resume: bool
