"""FinetuneConfig: every setting of a fine-tuning, one source for Python, YAML and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings, plain, require
from orienteer.types import Triple, TripleMm


@dataclass(frozen=True)
class FinetuneConfig:
    """Everything that `orienteer.finetune` can be told. The resolved copy lies in the output folder as config.yaml."""

    run: str | None = None
    """Run folder (or encoder.safetensors) that the network, the spacing and the intensity rule come from, and the
    weights too unless start says otherwise. Without one: a new network, planned from the data."""
    start: str | None = None
    """Where the weights come from: scratch, a run folder, or an encoder.safetensors file. By default the run; scratch
    where there is none. `orienteer finetune RUN --start scratch` trains the twin of RUN that was not pretrained."""
    data: str | None = None
    """Segmentation: a dataset.json (Medical Segmentation Decathlon or nnU-Net) or the folder that holds it.
    Classification: a CSV file of scan, label and, if wanted, split."""
    images: str | None = None
    """Segmentation without a dataset.json: the folder of scans."""
    labels: str | None = None
    """Segmentation without a dataset.json: the folder of label maps, each named like its scan."""
    out: str | None = None
    """Folder to make. A folder that holds something else is never overwritten."""
    task: Literal["segmentation", "classification"] = "segmentation"
    """What to learn from the labels."""
    folds: int = 5
    """Cases are dealt by file name into this many parts; one of them is the test set. 1 trains on all, tests none."""
    fold: int = 0
    """Which part is the test set, 0 to folds - 1; with split, which entry of the file."""
    split: str | None = None
    """Segmentation: a file like nnU-Net's splits_final.json that names training and test (val) cases. Others are left
    out. Takes the place of folds."""
    fraction: float = 1.0
    """Share of the training cases to use. Smaller shares are parts of larger ones, for one seed."""
    seed: int = 0
    """Decides new weights, which cases a fraction keeps, and the batch of every step."""
    steps: int = 1200
    """Optimiser steps."""
    batch: int = 2
    """Patches (segmentation) or scans (classification) in one step."""
    patch_size: Triple | None = None
    """Segmentation: size of a patch in voxels. By default the typical scan, or what the machine can take of it."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW, reached after the warm-up; it falls to zero at the last step."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW; norms and biases are not decayed."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises from zero."""
    clip_norm: float = 12.0
    """Gradients longer than this are shortened to it. 0 turns clipping off."""
    schedule: Literal["full", "frozen", "decoder-first"] = "full"
    """full trains everything from the first step; frozen never changes the encoder; decoder-first leaves the encoder
    alone for the first part of the steps."""
    decoder_first: float = 0.25
    """Schedule decoder-first: the share of the steps in which the encoder is left alone."""
    layer_decay: float = 1.0
    """Each encoder level, counted from the decoder, learns slower than the next by this factor. 1: all alike."""
    mirror: Literal["left-right", "all", "none"] = "left-right"
    """Segmentation: along which axes of the body patches are mirrored at random. none where labels tell left from
    right; all where nothing tells front from back or head from foot."""
    output_layer: Literal["fitted", "new"] = "fitted"
    """Segmentation: how the output layer begins. fitted: a logistic regression on what the network already tells of the
    first patches; it takes seconds and spares the start. new: at random."""
    deep_supervision: bool = True
    """Segmentation: let the coarser levels of the decoder learn from the labels too, where the network can."""
    overlap: float = 0.5
    """Segmentation: share by which neighbouring windows overlap in prediction."""
    encoder: str = "auto"
    """The network where there is no run. auto: dynunet where there is a GPU, tiny at full resolution on a CPU."""
    encoder_arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network where there is no run, for example {"filters": [16, 32, 64]}."""
    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. auto: dataset.json or the files say it, and otherwise the values, scan by scan."""
    spacing_mm: TripleMm | None = None
    """Voxel size in mm. By default the run's; without one the median of the data."""
    ct_window_hu: tuple[float, float] | None = None
    """CT: the HU that become -1 and 1. By default the run's; without one -1000 and 1000."""
    mr_percentiles: tuple[float, float] | None = None
    """MR: the percentiles of the body's voxels that become -1 and 1. By default the run's; without one 0.5 and 99.5."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Numbers of the forward pass: 32-bit, or bfloat16 mixed precision. auto: bfloat16 where the processor computes in
    it, about twice as fast."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train."""
    workers: int = 0
    """Processes that read training cases. 0 reads in the training process itself, which is fastest for small scans."""
    prepare_workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    store: str | None = None
    """Folder for prepared scans, shared by runs. By default `store` beside the output folder."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    save_every: int = 200
    """Steps between checkpoints."""
    pictures: bool = True
    """Draw the best, the median and the worst test case."""
    resume: bool = False
    """Go on with the fine-tuning in `out` from its last checkpoint."""

    def preparation(self, crop_to_body: bool = False) -> Preparation:
        """Returns how scans are prepared, as in pretraining.

        Args:
            crop_to_body: segmentation keeps the whole scan, since labels may lie where the body's outline is uncertain.
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
        return plain(self)


def make_config(settings: Mapping[str, Any]) -> FinetuneConfig:
    """Returns a config from plain values (lists become tuples), as YAML, JSON or keyword arguments give them.

    Raises:
        InputError: an unknown key, or a value that cannot be; the message says what to do.

    Example:
        >>> make_config({"data": "dataset.json", "patch_size": [32, 48, 32]}).patch_size
        (32, 48, 32)
    """
    values = dict(settings)
    for name in ("spacing_mm", "ct_window_hu", "mr_percentiles"):
        if values.get(name) is not None:  # 1 and 1.0 must not prepare the same scans twice
            values[name] = tuple(float(value) for value in values[name])
    config = make_settings(FinetuneConfig, values)
    check(config)
    return config


def check(config: FinetuneConfig) -> None:
    """Stops before any work where a setting cannot be right.

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
    config.preparation()  # looks after spacing and intensity
