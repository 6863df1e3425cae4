"""CompareConfig: every setting of a comparison, one source for Python, YAML and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from orienteer.forms import misfit
from orienteer.scans.patients import check_pattern
from orienteer.settings import make_settings, plain, require

CONFIG_FILE = "compare.yaml"

Downstream = Literal["finetune", "probe", "retrieval", "sides"]
DOWNSTREAM: tuple[str, ...] = get_args(Downstream)
"""The measurements that methods are compared by."""


@dataclass(frozen=True)
class CompareConfig:
    """All settings of `orienteer.compare`. A copy lies in the output folder as compare.yaml."""

    data: str | None = None
    """A dataset.json (Medical Segmentation Decathlon or nnU-Net) or the folder that holds it."""
    images: str | None = None
    """Without a dataset.json: the folder of scans."""
    labels: str | None = None
    """Without a dataset.json: the folder of label maps, each named like its scan."""
    out: str | None = None
    """Folder to make, or of a comparison to resume: finished cells do not run again."""
    name: str | None = None
    """Name of the data set in the table. By default the folder that it lies in."""
    split: str | None = None
    """A file like nnU-Net's splits_final.json; of its first entry, train is pretrained on, val validates, and test, if
    present, tests. By default the sizes in cases."""
    cases: tuple[int, int, int] | None = None
    """How many cases, in the order of their file names, to pretrain on, to validate on and to test on. By default 60, 20
    and 20 %."""
    group_by: str | None = None
    """Which cases are of one patient: a regular expression over their names, whose first group (or whole match) is the
    patient. Cases of one patient are in one part. By default `patient` or `group` of the data set, or BIDS' sub-... in the
    path; none: every case is a patient of its own."""
    evaluate: Literal["validation", "test"] = "validation"
    """Which part is scored. Make all choices on validation, and score the test part once."""
    methods: tuple[str, ...] = ("scratch", "default")
    """Names of METHODS, names under define, and scratch: the twin without pretraining, which is always included."""
    define: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Methods of your own, or changes to one: {"mine": {"method": "default", "views": 6, "finetune": {"learning_rate":
    0.001}}}. Any setting of pretrain, and under finetune any of finetune. Each is included."""
    fractions: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 1.0)
    """Shares of the pretraining part's cases whose labels are used."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each repeats everything: the pretraining, the draw of labelled cases, the fine-tuning."""
    downstream: tuple[Downstream, ...] = ("finetune", "probe", "retrieval", "sides")
    """What to measure: Dice after fine-tuning, Dice of a frozen probe, error of finding the same place in another scan,
    accuracy of telling left from right and head from foot."""
    pretrain: dict[str, Any] = field(default_factory=dict)
    """Settings of every pretraining, for example {"steps": 2000}."""
    finetune: dict[str, Any] = field(default_factory=dict)
    """Settings of every fine-tuning, for example {"steps": 300}."""
    select: dict[str, list[Any]] = field(default_factory=dict)
    """Settings of fine-tuning to choose from, for example {"learning_rate": [0.002, 0.0005]}: the best on the validation
    part is used, for each method and fraction."""
    probe: dict[str, Any] = field(default_factory=dict)
    """Changes to the probe: kind, voxels, test_voxels, overlap."""
    retrieval: dict[str, Any] = field(default_factory=dict)
    """Changes to the retrieval: partners, places, overlap, ends (which extreme points are landmarks)."""
    sides: dict[str, Any] = field(default_factory=dict)
    """Changes to the classification of sides: views, training_scans."""
    against: tuple[str, ...] = ("scratch",)
    """Methods to which paired differences are shown."""
    parallel: int | None = None
    """Cells at a time, each in its own process with its share of the cores. By default one per core, one on a machine with
    a GPU. 0 runs them in this process. With a cluster: at most so many at a time."""
    cluster: str | None = None
    """Where cells run: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue."""
    names: Literal["shown", "numbered"] = "shown"
    """numbered: table and page call cases by number, and leave out reasons that may name files; names.csv in the output folder
    says which is which."""
    keep: bool = False
    """Keep fine-tuned networks. Pretrained encoders are always kept."""
    store: str | None = None
    """Folder for prepared scans. By default `store` in the output folder."""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, tuples as lists."""
        values: dict[str, Any] = plain(self)
        return values


def make_config(settings: Mapping[str, Any]) -> CompareConfig:
    """Returns a config from plain values (lists become tuples), as YAML, JSON or keyword arguments give them.

    Raises:
        InputError: an unknown key or an impossible value.

    Example:
        >>> make_config({"fractions": [0.1, 1], "seeds": [0]}).fractions
        (0.1, 1.0)
    """
    values = dict(settings)
    if misfit(values.get("fractions"), list[float]) is None:
        values["fractions"] = tuple(float(value) for value in values["fractions"])
    config = make_settings(CompareConfig, values)
    _check(config)
    return config


def _check(config: CompareConfig) -> None:
    for key, candidates in config.select.items():
        require(len(candidates) > 0, f"select.{key}", "a list of values", "an empty one")
    for name in ("fractions", "seeds", "downstream"):
        values = getattr(config, name)
        require(len(values) > 0, name, "at least one", "none")
        require(len(set(values)) == len(values), name, "each one once", str(values))
    for fraction in config.fractions:
        require(0 < fraction <= 1, "fractions", "shares above 0 and at most 1", str(fraction))
    for seed in config.seeds:
        require(seed >= 0, "seeds", "whole numbers of at least 0", str(seed))
    check_pattern(config.group_by)
    require(config.parallel is None or config.parallel >= 0, "parallel", "0 or more", str(config.parallel))
    require(config.split is None or config.cases is None, "cases", "either cases or split", "both")
    if config.cases is not None:
        fits = len(config.cases) == 3 and min(config.cases) >= 0 and config.cases[0] >= 2
        require(fits, "cases", "three numbers, the first at least 2", str(config.cases))
