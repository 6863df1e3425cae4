"""PretrainConfig: every setting of a pretraining as the user gives it, in Python, YAML and on the command line."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from orienteer.scans.patients import check_pattern
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings, plain, require
from orienteer.views.augment import Augmentation
from orienteer.views.distort import NOTHING
from orienteer.views.policy import ViewPolicy

PartT = TypeVar("PartT")


@dataclass(frozen=True)
class Training:
    """Length, optimiser, hardware and validation of a training."""

    steps: int = 2000
    """Optimiser steps."""
    batch: int = 4
    """Scans per optimiser step, over all devices and accumulation steps together."""
    accumulate: int = 1
    """Gradient accumulation: split each step into this many parts to save memory. The result is the same."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW, reached after the warm-up; it then falls to zero along a cosine."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW; norms and biases are excluded."""
    warmup: float = 0.05
    """Fraction of the steps over which the learning rate rises from zero."""
    clip_norm: float = 1.0
    """Clip the gradient to this norm. 0 turns clipping off."""
    weight_averaging: float = 0.0
    """Decay per step of a moving average of the weights, which is validated and saved instead of the last weights.
    0 turns it off; 0.999 suits runs of many thousand steps."""
    teacher: bool | None = None
    """Encode all views but the first with a moving average of the encoder. By default as the method has it."""
    teacher_decay: float = 0.99
    """Decay per step of the teacher's moving average."""
    grad_checkpointing: bool = False
    """Recompute feature maps in the backward pass: much less memory, about a third more time."""
    precision: Literal["32", "bf16", "16"] = "32"
    """Precision of the forward pass: 32-bit floats, or mixed with bfloat16 or float16."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Hardware to train on. auto: a GPU if there is one."""
    devices: int = 1
    """Devices (GPUs, or processes on the CPU) per node."""
    nodes: int = 1
    """Number of machines."""
    workers: int = 1
    """Data-loading processes per device. 0 loads views in the training process itself."""
    seed: int = 0
    """Random seed. The batch of a step depends on the seed and the number of the step alone."""
    validation_fraction: float | None = None
    """Fraction of the scans held out for validation; at least one scan. Scans of one patient stay together. By default a
    tenth; of fewer scans more, since error bars and limits rest on them: a fifth up to 19, a third up to 3."""
    group_by: str | None = None
    """Which scans are of one patient: a regular expression over their names, whose first group (or whole match) is the patient.
    By default DICOM's PatientID and BIDS' sub-... in the path. none: every scan is a patient of its own. A file that ends in
    .csv, such as groups.csv of an audit: its columns scan and patient."""
    validation_sets: int = 4
    """View sets per held-out scan, the same at every validation."""
    validate_every: int | None = None
    """Steps between validations. By default a tenth of the steps."""
    header_steps: int = 3000
    """Steps of the header reader, which learns after the encoder, from coarse copies of the scans, what a sound header looks
    like; at most as many as ``steps``. 0 for none."""
    log_every: int = 10
    """Steps between entries of metrics.jsonl."""
    pictures: bool = True
    """Draw the tasks' pictures at every validation."""
    logger: tuple[Literal["wandb", "mlflow"], ...] = ()
    """Trackers that get metrics and pictures, beside TensorBoard: wandb, mlflow. Give the option again for a second one."""


@dataclass(frozen=True)
class PretrainConfig(Training, ViewPolicy, Preparation, Selection):
    """Every setting of `orienteer.pretrain`; what is None is chosen for the scans (see `RunConfig`)."""

    scans: str | None = None
    """Folder of scans, searched with its subfolders: NIfTI, NRRD, MetaImage, DICOM series."""
    out: str | None = None
    """Run folder to create. A folder with other files in it is never overwritten."""
    views: int | None = None  # type: ignore[assignment]
    """Views per view set, all from one scan. By default as the method has it."""
    layout: Literal["free", "pairs", "mixed", "block"] | None = None
    """Relative placement of the views of a set. free: anywhere. pairs: every second view overlaps the one before. mixed: the
    second view overlaps the first. block: eight neighbours and one view among them. By default as the method has it."""
    learning_rate: float | None = None  # type: ignore[assignment]
    """Peak learning rate of AdamW, reached after the warm-up; it then falls to zero along a cosine. By default 0.003 for the
    encoder tiny, 0.001 for others."""
    ct_window_hu: tuple[float, float] | None = None  # type: ignore[assignment]
    """CT: the HU that become -1 and 1. Values beyond are clipped. By default chosen from the values of the scans."""
    warp: float = 0.0
    """Strength of the random warps of scans that training views are drawn from, 0 to 1: rotation, size along each axis and a
    smooth deformation. Places move along, and validation shows scans as they are."""
    distortion: dict[str, Any] = field(default_factory=dict)
    """Changes to how the method hides or rearranges parts of views, for example {"mask_share": 0.6}."""
    method: str = "default"
    """Pretraining method: a named set of tasks."""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Changes to the method's tasks, for example {"route": {"edges": "position", "weight": 0.5}}. Weight 0 removes a task."""
    only_tasks: bool = False
    """Train the tasks that `tasks` lists and no others, whatever the method has; the config.yaml of a run lists all of its."""
    encoder: str = "auto"
    """Network to pretrain. auto: the method's choice on a GPU, tiny on a CPU."""
    encoder_arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network, for example {"init_filters": 32}."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Intensity augmentation, drawn for each view independently."""
    unit_mm: float | None = None
    """Length in mm that networks see as 1, the same for all scans. By default chosen from the size of the scans."""
    store: str | None = None
    """Folder for prepared scans, shared by runs. By default `store` next to the run folder."""
    audit_rules: bool = True
    """Say in one line, before training, what the rules of `orienteer audit` find in the scans. They are read once more for it,
    the first time that they are prepared."""
    skip_audited: str | None = None
    """The audit.csv of an audit of the same folder: scans in which it found an error are left out."""
    prepare_workers: int | None = None
    """Processes that prepare scans. By default one per CPU core."""
    weights: str | None = None
    """Initial weights of the encoder alone: a run folder, an encoder.safetensors file, hf://user/name, or a checkpoint of
    others (SwinUNETR, VoCo, SuPreM, nnssl, anatomix). An encoder that is left open is then theirs."""
    continue_from: str | None = None
    """Continue a run (--continue RUN; also one that was pushed whole): its encoder, heads, teacher and optimiser, on these
    scans, in a new folder. Its settings hold where none are given. (The encoder alone: weights; this run: resume.)"""
    continue_optimiser: bool = True
    """With continue: take over the optimiser's state too. false: begin it anew, for scans of another kind."""
    continue_schedule: Literal["new", "longer"] = "new"
    """With continue: a new warm-up and cosine over `steps`, or the schedule of one longer run of the steps before and these."""
    probe: str | None = None
    """A dataset.json with label maps: at every validation, probe the frozen features with its labels."""
    watch: bool = False
    """Open a page that shows live what the run learns while it trains, as `orienteer watch` does."""
    resume: bool = False
    """Resume the run in `out` from its last checkpoint."""

    def __post_init__(self) -> None:
        # Each group checks its own fields; the number of views and the window for CT may not be chosen yet.
        Preparation(**_chosen(Preparation, self))
        ViewPolicy(**_chosen(ViewPolicy, self))
        NOTHING.changed(self.distortion)

    def part(self, kind: type[PartT]) -> PartT:
        """Returns one of the groups of settings that this config consists of (``Preparation``, ``ViewPolicy`` ...)."""
        return kind(**_fields(kind, self))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, tuples as lists."""
        values: dict[str, Any] = plain(self)
        return values


def make_config(settings: Mapping[str, Any]) -> PretrainConfig:
    """Returns a config from plain values (lists become tuples), as they come from YAML, JSON or keyword arguments.

    Raises:
        InputError: an unknown key, with the nearest known ones, or an invalid value.
    """
    config = make_settings(PretrainConfig, settings)
    check(config)
    check_pattern(config.group_by)
    return config


def check(config: PretrainConfig) -> None:
    """Checks the values of all settings.

    Raises:
        InputError: an invalid value, with the name of the setting and what was wanted.
    """
    at_least_one = ("steps", "batch", "accumulate", "devices", "nodes", "validation_sets", "log_every")
    for name in at_least_one:
        require(getattr(config, name) >= 1, name, "a whole number of at least 1", getattr(config, name))
    for name in ("workers", "clip_norm", "weight_decay", "seed", "header_steps"):
        require(getattr(config, name) >= 0, name, "0 or more", getattr(config, name))
    for name in ("weight_averaging", "teacher_decay", "warmup"):
        require(0 <= getattr(config, name) < 1, name, "0 or more and below 1", getattr(config, name))
    require(config.views is None or config.views >= 2, "views", "at least 2, to have a pair", config.views)
    require(0 <= config.warp <= 1, "warp", "a strength from 0 to 1", config.warp, "use 1 or 0")
    rate = config.learning_rate
    require(rate is None or rate > 0, "learning_rate", "above 0", rate)
    fraction = config.validation_fraction
    require(fraction is None or 0 < fraction < 1, "validation_fraction", "between 0 and 1", fraction)
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


def _chosen(kind: type, values: object) -> dict[str, Any]:
    """Returns the fields of a group of settings that have a value."""
    return {name: value for name, value in _fields(kind, values).items() if value is not None}


def _fields(kind: type, values: object) -> dict[str, Any]:
    return {item.name: getattr(values, item.name) for item in dataclasses.fields(kind)}
