"""FinetuneConfig: every setting of a fine-tuning as the user gives it, one source for Python, YAML and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orienteer.forms import misfit
from orienteer.scans.patients import check_pattern
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings, plain, require
from orienteer.types import Triple, TripleMm

PLACES = frozenset({"data", "images", "labels", "split", "store", "out"})
"""Settings that name places, which may have moved when a fine-tuning is resumed: split.json knows what lay there."""

MAY_CHANGE_ON_RESUME = PLACES | {
    "workers",
    "accelerator",
    "prepare_workers",
    "resume",
    "pictures",
    "save_every",
    "logger",
}
"""Settings that may differ when a fine-tuning is resumed: they affect its speed, not its result."""


@dataclass(frozen=True)
class FinetuneConfig:
    """All settings of `orienteer.finetune`. The output folder holds a copy as config.yaml, with open settings resolved."""

    run: str | None = None
    """Run folder (or encoder.safetensors, or hf://user/name) that the network, the spacing and the intensity rule come
    from, and the weights too unless start names others. Without one: a new network, planned from the data."""
    start: str | None = None
    """Where the weights come from: scratch, a run folder, an encoder.safetensors file, hf://user/name, or a checkpoint of
    others (SwinUNETR, VoCo, SuPreM, nnssl, anatomix). By default the run; scratch where there is none.
    `orienteer finetune RUN --start scratch` trains the scratch baseline of RUN: the same network and preparation, new
    weights."""
    data: str | None = None
    """Segmentation: a dataset.json (Medical Segmentation Decathlon or nnU-Net) or the folder that holds it.
    Classification: a CSV file of scan, label and, if wanted, split."""
    images: str | None = None
    """Segmentation without a dataset.json: the folder of scans."""
    labels: str | None = None
    """Segmentation without a dataset.json: the folder of label maps, each named like its scan."""
    out: str | None = None
    """Folder to create. A folder that holds something else is never overwritten."""
    task: Literal["segmentation", "classification"] = "segmentation"
    """What to learn from the labels."""
    folds: int = 5
    """Cases are divided by file name into this many folds; one of them is the test set. 1 trains on all, tests none."""
    fold: int = 0
    """Which fold is the test set, 0 to folds - 1; with split, which entry of the file."""
    split: str | None = None
    """Segmentation: a file like nnU-Net's splits_final.json that lists training and test (val) cases. Other cases are
    ignored. Replaces folds."""
    group_by: str | None = None
    """Which cases are of one patient: a regular expression over their names, whose first group (or whole match) is the
    patient. Cases of one patient are never both trained on and tested. By default `patient` or `group` of the data set, or
    BIDS' sub-... in the path; none: every case is a patient of its own."""
    fraction: float = 1.0
    """Share of the training cases to use. For one seed, smaller shares are subsets of larger ones."""
    seed: int = 0
    """Determines new weights, which cases a fraction keeps, and the batch of every step."""
    steps: int = 1200
    """Optimiser steps."""
    batch: int = 2
    """Patches (segmentation) or scans (classification) in one step."""
    patch_size: Triple | None = None
    """Segmentation: size of a patch in voxels. By default that of a typical scan, limited to what the device can train on.
    Classification: size of a view. By default the run's."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW, reached after the warm-up; it falls to zero at the last step."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW; norms and biases are not decayed."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises from zero."""
    clip_norm: float = 12.0
    """Gradients with a larger norm are clipped to it. 0 turns clipping off."""
    schedule: Literal["full", "frozen", "decoder-first"] = "full"
    """full trains everything from the first step; frozen never changes the encoder; decoder-first keeps the encoder
    frozen for the first part of the steps."""
    decoder_first: float = 0.25
    """Schedule decoder-first: the share of the steps in which the encoder is frozen."""
    layer_decay: float = 1.0
    """The learning rate of each encoder level, counted from the decoder, is that of the next one times this. 1: all equal."""
    mirror: Literal["left-right", "all", "none"] = "left-right"
    """Segmentation: along which axes of the body patches are mirrored at random. Use none where labels distinguish left
    and right; all where orientation does not matter."""
    output_layer: Literal["fitted", "new"] = "fitted"
    """Segmentation: initial weights of the output layer. fitted: a logistic regression on the network's features of the
    first patches, which takes seconds and speeds up the start. new: random."""
    deep_supervision: bool = True
    """Segmentation: apply the loss to the coarser levels of the decoder too, where the network supports it."""
    overlap: float = 0.5
    """Share by which neighbouring windows (segmentation) or views (classification) overlap in prediction."""
    encoder: str = "auto"
    """The network where there is no run. auto: dynunet where there is a GPU, tiny at full resolution on a CPU."""
    encoder_arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network where there is no run, for example {"filters": [16, 32, 64]}."""
    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. auto: from dataset.json or the files, otherwise from the voxel values of each scan."""
    spacing_mm: TripleMm | None = None
    """Voxel size in mm. By default the run's; without one the median of the data."""
    ct_window_hu: tuple[float, float] | None = None
    """CT: the HU that become -1 and 1. By default the run's; without one -1000 and 1000."""
    mr_percentiles: tuple[float, float] | None = None
    """MR: the percentiles of the body's voxels that become -1 and 1. By default the run's; without one 0.5 and 99.5."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Precision of the forward pass: 32-bit, or bfloat16 mixed precision. auto: for a segmentation bfloat16 where the
    device supports it natively, about twice as fast; for a classification 32-bit."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train. auto: on a GPU where there is one."""
    workers: int = 0
    """Processes that read training cases. 0 reads in the training process, which is fastest for small scans."""
    prepare_workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    store: str | None = None
    """Folder for prepared scans, shared by runs. By default `store` beside the output folder."""
    log_every: int = 10
    """Steps between entries in metrics.jsonl."""
    save_every: int = 200
    """Steps between checkpoints."""
    logger: tuple[Literal["wandb", "mlflow"], ...] = ()
    """Trackers that get the loss: wandb, mlflow. Give the option again for a second one."""
    pictures: bool = True
    """Segmentation: draw the best, the median and the worst test case. Classification: plot the scores."""
    resume: bool = False
    """Resume the fine-tuning in `out` from its last checkpoint."""

    def preparation(self, crop_to_body: bool = False) -> Preparation:
        """Returns how scans are prepared, as in pretraining.

        Args:
            crop_to_body: a segmentation keeps the whole scan, since labels may lie where the body outline is uncertain.
        """
        default = Preparation()
        return Preparation(
            spacing_mm=self.spacing_mm,
            ct_window_hu=self.ct_window_hu or default.ct_window_hu,
            mr_percentiles=self.mr_percentiles or default.mr_percentiles,
            crop_to_body=crop_to_body,
        )

    def selection(self) -> Selection:
        """Returns how files are read."""
        return Selection(modality=self.modality)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, tuples as lists."""
        values: dict[str, Any] = plain(self)
        return values


def make_config(settings: Mapping[str, Any]) -> FinetuneConfig:
    """Returns a config from plain values (lists become tuples) as given in YAML, JSON or keyword arguments.

    Raises:
        InputError: an unknown key or an impossible value; the message says what to do.

    Example:
        >>> make_config({"data": "dataset.json", "patch_size": [32, 48, 32]}).patch_size
        (32, 48, 32)
    """
    values = dict(settings)
    for name in ("spacing_mm", "ct_window_hu", "mr_percentiles"):
        given = values.get(name)
        if given is not None and misfit(given, list[float]) is None:  # 1 and 1.0 must not prepare the same scans twice
            values[name] = tuple(float(value) for value in given)
    config = make_settings(FinetuneConfig, values)
    check(config)
    return config


def check(config: FinetuneConfig) -> None:
    """Raises an error for an impossible setting, before any work.

    Raises:
        InputError: naming the setting, what was wanted and what came.
    """
    for name in ("folds", "steps", "batch", "log_every", "save_every"):
        require(getattr(config, name) >= 1, name, "a whole number of at least 1", getattr(config, name))
    for name in ("workers", "clip_norm", "weight_decay", "seed"):
        require(getattr(config, name) >= 0, name, "0 or more", getattr(config, name))
    for name in ("warmup", "decoder_first", "overlap"):
        require(0 <= getattr(config, name) < 1, name, "0 or more and below 1", getattr(config, name))
    for name in ("fraction", "layer_decay"):
        require(0 < getattr(config, name) <= 1, name, "above 0 and at most 1", getattr(config, name))
    if config.split is None:
        require(0 <= config.fold < config.folds, "fold", f"0 to folds - 1 = {config.folds - 1}", config.fold)
    require(config.learning_rate > 0, "learning_rate", "above 0", config.learning_rate)
    if config.patch_size is not None:
        require(min(config.patch_size) >= 1, "patch_size", "three whole numbers of at least 1", config.patch_size)
    check_pattern(config.group_by)
    config.preparation()  # checks spacing and intensity rules
