"""Experiment trackers beside TensorBoard: Weights & Biases and MLflow through Lightning's loggers, only where they are named.

Everything that they write on this machine lies in the run folder, and nothing is sent anywhere but to the server that the user
has set up for them. What they measure of their own users is turned off.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Protocol

from orienteer.errors import InputError
from orienteer.extras import require_packages
from orienteer.files import read_json, write_json
from orienteer.progress import say

TrackerName = Literal["wandb", "mlflow"]

PROJECT = "orienteer"
"""The project (W&B) or experiment (MLflow) of all runs; WANDB_PROJECT and MLFLOW_EXPERIMENT_NAME take precedence."""

NUMBERS_FILE = "trackers.json"
"""The number of the run in each tracker, so that a resumed run continues there."""

PRIVATE = frozenset(
    {
        *(
            "scans",
            "out",
            "store",
            "weights",
            "continue_from",
            "probe",
            "skip_audited",
            "group_by",
            "include",
            "exclude",
        ),
        *("run", "start", "data", "images", "labels", "split"),
    }
)
"""Settings that may hold places of this machine or names of scans: trackers do not get them."""


class Tracker(Protocol):
    """One open run of a tracker."""

    number: str

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Logs numbers."""

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture."""

    def close(self, failed: bool) -> None:
        """Ends the run."""


class Trackers:
    """The trackers of a run, or none. One that fails while a run trains is dropped: the training continues without it.

    Args:
        opened: by name.
        restore: is called at the end.
    """

    def __init__(self, opened: Mapping[str, Tracker] | None = None, restore: Callable[[], None] = lambda: None) -> None:
        self._opened, self._restore = dict(opened or {}), restore

    def log(self, part: str, step: int, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of a step as ``part/name``."""
        named = {f"{part}/{key}": value for key, value in metrics.items()}
        self._each(lambda tracker: tracker.log(named, step))

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture."""
        self._each(lambda tracker: tracker.picture(name, png, step))

    def close(self, failed: bool = False) -> None:
        """Ends the runs of all trackers; those of a training that stopped are marked as failed."""
        self._each(lambda tracker: tracker.close(failed))
        self._opened.clear()
        self._restore()

    def _each(self, do: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._opened.items()):
            try:
                do(tracker)
            except Exception as error:  # of another library, and of its network
                say(f"the tracker {name} failed ({_first_line(error)}); the run continues without it")
                del self._opened[name]


@dataclass(frozen=True)
class _Kind:
    """How a tracker is opened.

    ``packages``: that it needs. ``environment``: variables that it is opened under unless the user has set them, from the run
    folder. ``open``: takes the folder, the name of the run, the settings, and the number of an earlier part of the run.
    """

    packages: tuple[str, ...]
    environment: Callable[[Path], dict[str, str]]
    open: Callable[[Path, str, Mapping[str, Any], str | None], Tracker]
    do: str


def check_trackers(names: Sequence[str]) -> None:
    """Checks before any work that the packages of trackers are installed.

    Raises:
        InputError: one is not; the message has the command that installs it.
    """
    for name in names:
        require_packages(f"logger {name}", TRACKERS[name].packages, extra=name)


def open_trackers(names: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> Trackers:
    """Opens the trackers of a run, which may have been opened before, and gives them its settings.

    Args:
        names: of trackers.
        folder: the run folder.
        settings: of the run; those of `PRIVATE` are left out.

    Raises:
        InputError: a tracker cannot be opened: no login, no server.
    """
    if not names:
        return Trackers()
    file = folder / NUMBERS_FILE
    numbers: dict[str, str] = read_json(file, dict[str, str]) if file.is_file() else {}
    public = {key: value for key, value in settings.items() if key not in PRIVATE}
    opened: dict[str, Tracker] = {}
    with ExitStack() as environment:
        for name in dict.fromkeys(names):
            kind = TRACKERS[name]
            environment.enter_context(_unless_set(kind.environment(folder)))
            try:
                opened[name] = kind.open(folder, folder.resolve().name, public, numbers.get(name))
            except Exception as error:
                Trackers(opened).close(failed=True)
                got = _first_line(error)
                do = f"{kind.do}; then give the command again with --resume"
                raise InputError(f"logger {name}", wanted="a tracker that can be opened", got=got, do=do) from error
        write_json(file, {**numbers, **{name: tracker.number for name, tracker in opened.items()}})
        return Trackers(opened, environment.pop_all().close)
    raise AssertionError("unreachable")


@contextmanager
def tracking(names: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> Iterator[Trackers]:
    """Opens the trackers of a run, and closes them when the block ends, as failed where it raises; see `open_trackers`."""
    trackers, failed = open_trackers(names, folder, settings), True
    try:
        yield trackers
        failed = False
    finally:
        trackers.close(failed)


class _Wandb:
    """A run of Weights & Biases, whose files lie in ``wandb/`` of the run folder. WANDB_MODE=offline needs no server."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], number: str | None) -> None:
        import wandb
        from pytorch_lightning.loggers import WandbLogger

        self._ours = wandb.run is None  # else Lightning logs into the run that the user has opened
        quiet = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            disable_job_creation=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_disable_stats=True,
        )
        project = os.environ.get("WANDB_PROJECT", PROJECT)
        self._logger = WandbLogger(
            name=name, project=project, save_dir=str(folder), id=number, settings=quiet, log_model=False
        )
        self._logger.log_hyperparams(dict(settings))
        self.number = str(self._logger.experiment.id)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._logger.log_metrics(metrics, step)

    def picture(self, name: str, png: bytes, step: int) -> None:
        self._logger.log_image(f"pictures/{name}", [_image(png)], step)

    def close(self, failed: bool) -> None:
        if self._ours:
            import wandb

            self._logger.experiment.finish(exit_code=int(failed))
            wandb.teardown()  # its process keeps the environment that it was started in: a later run has another


class _MLflow:
    """A run of MLflow: on the server of MLFLOW_TRACKING_URI, else in ``mlruns/`` of the run folder."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], number: str | None) -> None:
        from pytorch_lightning.loggers import MLFlowLogger

        server = os.environ.get("MLFLOW_TRACKING_URI") or (folder.resolve() / "mlruns").as_uri()
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        self._logger = MLFlowLogger(experiment, run_name=name, tracking_uri=server, run_id=number)
        self.number = str(self._logger.run_id)
        if number is None:  # a setting of a run cannot be logged twice
            self._logger.log_hyperparams(dict(settings))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._logger.log_metrics(metrics, step)

    def picture(self, name: str, png: bytes, step: int) -> None:
        self._logger.experiment.log_image(
            self.number, _image(png), artifact_file=f"pictures/step_{step:06d}_{name}.png"
        )

    def close(self, failed: bool) -> None:
        self._logger.finalize("failed" if failed else "success")


def _wandb_environment(folder: Path) -> dict[str, str]:
    """Returns where W&B keeps what it would put into the home folder; settings that the user has there are read."""
    inside = (folder / "wandb").resolve()
    places = {f"WANDB_{name.upper()}_DIR": str(inside / name) for name in ("cache", "data", "artifact")}
    if not (Path.home() / ".config" / "wandb").is_dir():
        places["WANDB_CONFIG_DIR"] = str(inside / "config")
    return {**places, "WANDB_ERROR_REPORTING": "false"}


def _mlflow_environment(folder: Path) -> dict[str, str]:
    """Returns MLflow's switches: no telemetry, and files in a folder, which newer versions want to be asked for."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_TRACKING_URI": ""}


TRACKERS: dict[str, _Kind] = {
    "wandb": _Kind(
        ("wandb",), _wandb_environment, _Wandb, "`wandb login`, or set WANDB_MODE=offline to log into the run folder"
    ),
    "mlflow": _Kind(
        ("mlflow",), _mlflow_environment, _MLflow, "check MLFLOW_TRACKING_URI, or unset it to log into the run folder"
    ),
}
"""Every tracker by name."""


@contextmanager
def _unless_set(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables of the environment that the user has not set, and puts all of them back at the end."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if before[name] is None and value})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _image(png: bytes) -> Any:
    from PIL import Image

    return Image.open(BytesIO(png))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "").rstrip(". ") or type(error).__name__
