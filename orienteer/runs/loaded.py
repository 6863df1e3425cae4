"""LoadedRun: the network of a finished run, loaded from a checkpoint, to predict with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from orienteer.devices import choose_device
from orienteer.encoders.states import check_before_building, load_state
from orienteer.errors import InputError
from orienteer.headers.reader import READER_FILE, HeaderReader, read_reader
from orienteer.headers.reader import WEIGHTS_FILE as HEADER_WEIGHTS_FILE
from orienteer.runs.checkpoints import PretrainingState, check_run, read_checkpoint
from orienteer.runs.network import Network, build_network, network_numbers
from orienteer.runs.records import run_fingerprint
from orienteer.runs.run_config import RunConfig, read_config
from orienteer.runs.split import check_prepared, read_split
from orienteer.scans.preparation import Preparation
from orienteer.store.store import Store
from orienteer.tasks.base import Features, PredictedGaps
from orienteer.tensors import GapsMm, Images
from orienteer.views.batch import ViewBatch
from orienteer.views.policy import ViewPolicy

VIEWS_AT_ONCE = 16
"""Views that are encoded at once, to limit memory."""


@dataclass(frozen=True)
class LoadedRun:
    """A trained network and the settings it was trained with.

    Attributes:
        folder: the run folder.
        config: the settings of the run.
        network: encoder and tasks, in eval mode, on ``device``.
        training: names of the scans that it was trained on, by key in its store.
        validation: names of the scans that were held out.
        step: optimiser steps that the weights were trained for.
        device: device of the network.
        reader: reads headers; None for a run without one.
    """

    folder: Path
    config: RunConfig
    network: Network
    training: Mapping[str, str]
    validation: Mapping[str, str]
    step: int
    device: torch.device
    reader: HeaderReader | None = None

    @property
    def unit_mm(self) -> float:
        """The length in mm that the network sees as 1."""
        return self.config.unit_mm

    @property
    def policy(self) -> ViewPolicy:
        """How the run drew views: their number, size and placement."""
        return self.config.view_policy

    @property
    def preparation(self) -> Preparation:
        """How the run prepared scans: spacing and intensity rules. New scans must be prepared in the same way."""
        return self.config.preparation

    def open_store(self) -> Store:
        """Returns the store with the scans of the run.

        Raises:
            InputError: the store, or a scan of the run in it, is missing.
        """
        store = Store.open(self.config.store_folder(self.folder))
        check_prepared(store, {**self.training, **self.validation}.items(), self.preparation)
        return store

    @torch.no_grad()
    def features(self, images: Images) -> Features:
        """Returns the feature maps of all views, encoding a few view sets at a time."""
        sets = max(1, VIEWS_AT_ONCE // images.shape[1])
        parts = [self.network.features(part.to(self.device)) for part in images.split(sets)]
        return Features(tuple(torch.cat(maps) for maps in zip(*(part.levels for part in parts), strict=True)))

    @torch.no_grad()
    def predict(self, views: ViewBatch, tasks: Collection[str] | None = None) -> dict[str, Any]:
        """Returns the prediction of each task, by its name, without gradients.

        Args:
            views: view sets.
            tasks: names of the tasks that are asked; all of them by default.

        Raises:
            InputError: views of another size or spacing than those of the run.
        """
        self._check(views)
        features = self.features(views.images)
        asked = {name: task for name, task in self.network.tasks_by_name.items() if tasks is None or name in tasks}
        return {name: task(features) for name, task in asked.items()}

    def gaps_mm(self, predictions: Mapping[str, Any]) -> dict[str, GapsMm]:
        """Returns the predicted gaps from view i to view j in mm, for each task that predicts gaps."""
        return {name: each.gaps.float() * self.unit_mm for name, each in self._gaps(predictions)}

    def scales_mm(self, predictions: Mapping[str, Any]) -> dict[str, GapsMm]:
        """Returns the scale of the error of each gap along each axis in mm, for each task that predicts it.

        It is the scale of a Laplace distribution as the task learned it on training scans, without calibration.
        """
        gaps = self._gaps(predictions)
        return {name: each.scales.float() * self.unit_mm for name, each in gaps if each.scales is not None}

    def _gaps(self, predictions: Mapping[str, Any]) -> list[tuple[str, PredictedGaps]]:
        tasks = self.network.tasks_by_name
        gaps = [(name, tasks[name].predicted_gaps(prediction)) for name, prediction in predictions.items()]
        return [(name, each) for name, each in gaps if each is not None]

    def _check(self, views: ViewBatch) -> None:
        if views.size_vox != self.config.view_size:
            raise InputError(
                "views",
                wanted=f"views of {self.config.view_size} voxels, as {self.folder.name} was trained on",
                got=str(views.size_vox),
                do="cut them with LoadedRun.policy",
            )
        if views.spacing_mm != self.config.spacing_mm:
            raise InputError(
                "views",
                wanted=f"voxels of {self.config.spacing_mm} mm, as {self.folder.name} was trained on",
                got=f"{views.spacing_mm} mm",
                do="prepare the scans with LoadedRun.preparation",
            )


def load_run(
    run: str | Path, checkpoint: Literal["last", "best"] = "last", device: Literal["auto", "cpu", "cuda"] = "auto"
) -> LoadedRun:
    """Returns a run's encoder and tasks with their trained weights, in eval mode.

    If the run kept a moving average of its weights, the average is loaded: it is what was validated.

    Args:
        run: a folder that `orienteer.pretrain` made.
        checkpoint: the last weights (those of encoder.safetensors), or those of the best validation.
        device: where to put the network; ``auto`` takes a GPU if there is one.

    Raises:
        InputError: the folder is not a run folder, or the checkpoint is missing, damaged or of another network.

    Example:
        >>> import tempfile
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, _ = example_run(folder)
        ...     loaded = load_run(run, device="cpu")
        >>> loaded.step, sorted(loaded.network.tasks)
        (2, ['gap', 'route', 'similarity'])
    """
    folder = Path(run)
    config, (training, validation) = read_config(folder), read_split(folder)
    file = folder / "checkpoints" / f"{checkpoint}.ckpt"
    content = read_checkpoint(file, form=PretrainingState)
    state, do = network_state(content["state_dict"]), "restore the checkpoint and config.yaml of this run"
    check_run(content, file, run_fingerprint([*training, *validation], config.seed, config.steps), do)
    check_before_building(partial(build_network, config), network_numbers(config), state, str(file), do)
    network = build_network(config)
    load_state(
        network,
        state,
        what=str(file),
        wanted="a checkpoint of the network that config.yaml names",
        do=do,
    )
    target = choose_device(device, setting="device")
    network = network.eval().requires_grad_(False).to(target)
    reader = _reader(folder, {*training, *validation})
    return LoadedRun(folder, config, network, training, validation, content["global_step"], target, reader)


def _reader(folder: Path, scans: Collection[str]) -> HeaderReader | None:
    """Returns the header reader of a run, if it has one.

    Raises:
        InputError: it is damaged, or that of another run.
    """
    reader = read_reader(folder)
    if reader is not None and not set(reader.own) <= set(scans):
        what, do = str(folder / READER_FILE), f"restore it, or delete it and {HEADER_WEIGHTS_FILE} to do without"
        raise InputError(what, wanted="the header reader of this run", got="that of a run on other scans", do=do)
    return reader


def network_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights of a `Network` out of a training's state dict: the moving average, if there is one.

    Example:
        >>> network_state({"network.a": torch.zeros(1), "averaged.module.a": torch.ones(1)})
        {'a': tensor([1.])}
    """
    prefixes = ("averaged.module.", "network.")
    prefix = next((prefix for prefix in prefixes if any(name.startswith(prefix) for name in state)), "")
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
