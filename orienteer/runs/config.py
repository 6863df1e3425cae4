"""PretrainConfig: every setting of a pretraining run, one source for Python, YAML and the command line."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings, plain, require
from orienteer.views.augment import Augmentation
from orienteer.views.distort import NOTHING
from orienteer.views.policy import ViewPolicy

PartT = TypeVar("PartT")


@dataclass(frozen=True)
class Training:
    """How long, how fast and on what to train."""

    steps: int = 2000
    """Optimiser steps."""
    batch: int = 4
    """Scans in one optimiser step, over all devices and accumulated parts together."""
    accumulate: int = 1
    """Split each step into this many parts, to save memory. The result is the same."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW, reached after the warm-up; a cosine takes it to zero at the last step."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW; norms and biases are not decayed."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises from zero."""
    clip_norm: float = 1.0
    """Gradients longer than this are shortened to it. 0 turns clipping off."""
    weight_averaging: float = 0.0
    """Decay per step of a moving average of the weights that is validated and handed over instead of the last weights.
    0 turns it off; 0.999 suits runs of many thousand steps."""
    teacher: bool | None = None
    """Encode all views but the first with a moving average of the encoder. By default what the method says."""
    teacher_decay: float = 0.99
    """Decay per step of the teacher's weights."""
    grad_checkpointing: bool = False
    """Recompute feature maps in the backward pass: much less memory, about a third more time."""
    precision: Literal["32", "bf16", "16"] = "32"
    """Numbers of the forward pass: 32-bit, or bfloat16 / float16 mixed precision."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train."""
    devices: int = 1
    """Devices (GPUs, or processes on the CPU) per node."""
    nodes: int = 1
    """Machines."""
    workers: int = 1
    """Processes that read and augment views, per device. 0 reads in the training process itself."""
    seed: int = 0
    """The batch of step t depends on this and on t alone."""
    validation_fraction: float = 0.1
    """Share of the scans held out of training; at least one."""
    validation_sets: int = 4
    """View sets per held-out scan; the same at every validation."""
    validate_every: int | None = None
    """Steps between validations. By default a tenth of the run."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    pictures: bool = True
    """Draw what the tasks show at every validation."""


@dataclass(frozen=True)
class PretrainConfig(Training, ViewPolicy, Preparation, Selection):
    """Everything that `orienteer.pretrain` can be told. The resolved copy lies in the run folder as config.yaml."""

    scans: str | None = None
    """Folder of scans: NIfTI, NRRD, MetaImage, DICOM series; subfolders too."""
    out: str | None = None
    """Run folder to make. A folder that holds something else is never overwritten."""
    views: int | None = None  # type: ignore[assignment]
    """Views drawn from one scan at a time, V. By default what the method says."""
    layout: Literal["free", "pairs", "block"] | None = None
    """How the views of a set lie to each other. free: anywhere. pairs: every second view overlaps the one before. block:
    eight neighbours, and one view among them. By default what the method says."""
    distortion: dict[str, Any] = field(default_factory=dict)
    """Changes to what the method hides or rearranges in views, for example {"mask_share": 0.6}."""
    method: str = "default"
    """What to learn: a named set of tasks."""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Changes to the method's tasks, for example {"route": {"edges": "position", "weight": 0.5}}. Weight 0 removes one."""
    encoder: str = "auto"
    """The network. auto: the method's choice where there is a GPU, tiny on a CPU."""
    encoder_arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network, for example {"init_filters": 32}."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Changes of intensity, drawn for each view on its own."""
    unit_mm: float | None = None
    """The length in mm that networks see as 1, the same for all scans. By default chosen from the scans' size."""
    store: str | None = None
    """Folder for prepared scans, shared by runs. By default `store` beside the run folder."""
    prepare_workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    weights: str | None = None
    """Start from these weights: a run folder or an encoder.safetensors file. (To go on with a run, use resume.)"""
    probe: str | None = None
    """A dataset.json with label maps: at every validation, measure how well frozen features tell its labels."""
    resume: bool = False
    """Go on with the run in `out` from its last checkpoint."""

    def __post_init__(self) -> None:
        # Each group looks after its own fields; the number of views may still be open.
        self.part(Preparation)
        ViewPolicy(**{**_fields(ViewPolicy, self), "views": 1 if self.views is None else self.views})
        NOTHING.changed(self.distortion)

    def part(self, kind: type[PartT]) -> PartT:
        """Returns the fields of one of the groups that this config is made of (``Preparation``, ``ViewPolicy`` ...)."""
        return kind(**_fields(kind, self))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, tuples as lists."""
        return plain(self)


def make_config(settings: Mapping[str, Any]) -> PretrainConfig:
    """Returns a config from plain values (lists become tuples), as YAML, JSON or keyword arguments give them.

    Raises:
        InputError: an unknown key, with the nearest known ones, or a value that cannot be right.
    """
    config = make_settings(PretrainConfig, settings)
    check(config)
    return config


def check(config: PretrainConfig) -> None:
    """Stops before any work where a setting cannot be right.

    Raises:
        InputError: naming the setting, what was wanted and what came.
    """
    at_least_one = ("steps", "batch", "accumulate", "devices", "nodes", "validation_sets", "log_every")
    for name in at_least_one:
        require(getattr(config, name) >= 1, name, "a whole number of at least 1", getattr(config, name))
    for name in ("workers", "clip_norm", "weight_decay", "seed"):
        require(getattr(config, name) >= 0, name, "0 or more", getattr(config, name))
    for name in ("weight_averaging", "teacher_decay", "warmup"):
        require(0 <= getattr(config, name) < 1, name, "0 or more and below 1", getattr(config, name))
    require(config.views is None or config.views >= 2, "views", "at least 2, to have a pair", config.views)
    require(config.learning_rate > 0, "learning_rate", "above 0", config.learning_rate)
    require(0 < config.validation_fraction < 1, "validation_fraction", "between 0 and 1", config.validation_fraction)
    if config.unit_mm is not None:
        require(config.unit_mm > 0, "unit_mm", "a length above 0 mm", config.unit_mm)
    if config.validate_every is not None:
        require(config.validate_every >= 1, "validate_every", "at least 1 step", config.validate_every)
    shares = config.accumulate * config.devices * config.nodes
    require(
        config.batch % shares == 0,
        "batch",
        f"a multiple of accumulate x devices x nodes = {shares}",
        config.batch,
        f"use --batch {max(1, round(config.batch / shares)) * shares}",
    )


def _fields(kind: type, values: object) -> dict[str, Any]:
    return {item.name: getattr(values, item.name) for item in dataclasses.fields(kind)}
