"""RunConfig: the settings of a run with everything chosen, as config.yaml holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orienteer.errors import InputError
from orienteer.methods import Method, resolve_method
from orienteer.runs.config import PretrainConfig, Training, make_config
from orienteer.runs.folder import CONFIG_FILE, read_settings
from orienteer.runs.reading import store_folder
from orienteer.scans.preparation import Preparation
from orienteer.types import Triple, TripleMm
from orienteer.views.distort import NOTHING, Distortion
from orienteer.views.policy import ViewPolicy

PLACES = {"scans", "store"}
"""Settings that may change when a run is resumed because files were moved; what they hold must be the same."""

MAY_CHANGE = {
    *PLACES,
    *("workers", "devices", "nodes", "accelerator", "prepare_workers", "resume", "out", "pictures", "probe"),
    *("audit_rules", "watch", "logger"),
    "header_steps",
    "continue_from",
}
"""Settings that may change when a run is resumed: they affect its speed and its extras, not its weights."""

CHOSEN = ("spacing_mm", "ct_window_hu", "view_size", "unit_mm", "views", "layout", "teacher", "validate_every")
"""Settings that a user may leave open and a run has values for."""


@dataclass(frozen=True, kw_only=True)
class RunConfig(PretrainConfig):
    """The settings of a run: those of `PretrainConfig`, and a value for each that the user left open.

    `orienteer.pretraining.resolve.resolve_config` makes one for a folder of scans, `read_config` reads the one of a run.
    """

    learning_rate: float = Training.learning_rate
    spacing_mm: TripleMm = field()
    ct_window_hu: tuple[float, float] = field()
    view_size: Triple = field()
    unit_mm: float = field()
    views: int = field()
    layout: Literal["free", "pairs", "mixed", "block"] = field()
    teacher: bool = field()
    validate_every: int = field()

    @property
    def preparation(self) -> Preparation:
        """How scans are prepared: spacing, intensity rules, crop."""
        return self.part(Preparation)

    @property
    def view_policy(self) -> ViewPolicy:
        """How views are drawn: their number, size and placement."""
        return self.part(ViewPolicy)

    @property
    def view_distortion(self) -> Distortion:
        """What is hidden or rearranged in views."""
        return NOTHING.changed(self.distortion)

    @property
    def run_method(self) -> Method:
        """The method with the tasks of this run: those that its config.yaml lists, or those that the method had before."""
        return resolve_method(self.method, self.tasks, only=self.only_tasks, earlier=True)

    def store_folder(self, folder: Path) -> str:
        """Returns the folder of the prepared scans; see `orienteer.runs.reading.store_folder`."""
        return store_folder(self.store, folder)


def make_run_config(settings: Mapping[str, Any], source: str = CONFIG_FILE) -> RunConfig:
    """Returns the settings of a run from plain values, as config.yaml holds them.

    Settings that older versions did not have get the values that these versions worked with.

    Args:
        settings: plain values by name.
        source: where they come from, for messages.

    Raises:
        InputError: an unknown or invalid setting, or one without a value.

    Example:
        >>> values = {"spacing_mm": [2.0, 2.0, 3.0], "view_size": [32, 32, 32], "unit_mm": 100.0, "views": 4, "steps": 50}
        >>> config = make_run_config(values)
        >>> config.layout, config.teacher, config.validate_every
        ('free', False, 50)
    """
    config = make_config(settings)
    values = dict(vars(config))
    older: dict[str, Any] = {"layout": "free", "teacher": False, "validate_every": config.steps}
    older |= {"ct_window_hu": Preparation.ct_window_hu, "learning_rate": Training.learning_rate}
    values |= {name: value for name, value in older.items() if values[name] is None}
    missing = [name for name in CHOSEN if values[name] is None]
    if missing:
        raise InputError(
            source,
            wanted=f"a value for each of {', '.join(CHOSEN)}",
            got=f"none for {', '.join(missing)}",
            do="restore the config.yaml that `orienteer pretrain` wrote",
        )
    return RunConfig(**values)


def read_config(folder: Path) -> RunConfig:
    """Returns the settings of a pretraining run.

    Raises:
        InputError: the folder is not a run folder, or its config.yaml is damaged.
    """
    file, settings = str(folder / CONFIG_FILE), read_settings(folder)
    try:
        return make_run_config(settings, file)
    except InputError as error:
        if error.what == file:
            raise
        do = "restore the config.yaml that `orienteer pretrain` wrote"
        raise InputError(f"{error.what} in {file}", wanted=error.wanted, got=error.got, do=do) from error
