"""A run's network, encoder and tasks, loaded from its checkpoint and ready to say what it believes about views."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.errors import InputError
from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.config import PretrainConfig
from orienteer.runs.folder import check_prepared, read_config, read_split
from orienteer.runs.network import Network, build_network
from orienteer.scans.preparation import Preparation
from orienteer.scans.store import Store
from orienteer.tasks.base import Features
from orienteer.types import GapsMm, Images
from orienteer.views.batch import ViewBatch
from orienteer.views.policy import ViewPolicy

GAP_FIELDS = ("gaps", "edges")
"""Fields of a task's prediction that hold gaps from view i to view j, in units of ``unit_mm``."""

VIEWS_AT_ONCE = 16
"""Views that are encoded together, to bound memory."""


@dataclass(frozen=True)
class LoadedRun:
    """What a run learned, and how it saw scans.

    Attributes:
        folder: the run folder.
        config: its resolved settings.
        network: encoder and tasks, in eval mode, on ``device``.
        training: names of the scans that it was trained on, by key in its store.
        validation: names of the scans that were held out.
        step: optimiser steps behind the weights.
        device: where the network is.
    """

    folder: Path
    config: PretrainConfig
    network: Network
    training: Mapping[str, str]
    validation: Mapping[str, str]
    step: int
    device: torch.device

    @property
    def unit_mm(self) -> float:
        """The length in mm that the network sees as 1."""
        assert self.config.unit_mm is not None
        return self.config.unit_mm

    @property
    def policy(self) -> ViewPolicy:
        """How the run drew views: their number, size and place."""
        return self.config.part(ViewPolicy)

    @property
    def preparation(self) -> Preparation:
        """How the run prepared scans: spacing and intensity rule. New scans must be prepared alike."""
        return self.config.part(Preparation)

    def open_store(self) -> Store:
        """Returns the store with the run's own scans.

        Raises:
            InputError: the store, or a scan of the run in it, is gone.
        """
        store = Store.open(self.config.store or self.folder.resolve().parent / "store")
        check_prepared(store, {**self.training, **self.validation}, self.config)
        return store

    @torch.no_grad()
    def features(self, images: Images) -> Features:
        """Returns the feature maps of all views, encoded a few sets at a time."""
        sets = max(1, VIEWS_AT_ONCE // images.shape[1])
        parts = [self.network.features(part.to(self.device)) for part in images.split(sets)]
        return Features(tuple(torch.cat(maps) for maps in zip(*(part.levels for part in parts), strict=True)))

    @torch.no_grad()
    def predict(self, views: ViewBatch) -> dict[str, Any]:
        """Returns each task's prediction, by the task's name; nothing is learned from it.

        Raises:
            InputError: views of another size or spacing than the run's.
        """
        self._check(views)
        features = self.features(views.images)
        return {name: task(features) for name, task in self.network.tasks.items()}

    def gaps_mm(self, predictions: Mapping[str, Any]) -> dict[str, GapsMm]:
        """Returns the gaps between views that the predictions hold, in mm, by task; from view i to view j."""
        found: dict[str, Float[Tensor, "batch views views 3"]] = {}
        for name, prediction in predictions.items():
            for field in GAP_FIELDS:
                if hasattr(prediction, field):
                    found[name] = getattr(prediction, field).float() * self.unit_mm
        return found

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

    Where the run kept a moving average of its weights, that is what is loaded: it is what was validated.

    Args:
        run: a folder that `orienteer.pretrain` made.
        checkpoint: the last weights (those of encoder.safetensors), or those of the best validation.
        device: where to put the network; ``auto`` takes a GPU where there is one.

    Raises:
        InputError: the folder is not a run, the checkpoint is missing or damaged, or belongs to another network.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> from orienteer.pretraining.pretrain import pretrain
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=3, progress=False)
        ...     small = {"method": "spatial", "encoder": "tiny", "steps": 2, "batch": 2, "workers": 0}
        ...     _ = pretrain(f"{folder}/scans", f"{folder}/run", **small)
        ...     loaded = load_run(f"{folder}/run", device="cpu")
        >>> loaded.step, sorted(loaded.network.tasks)
        (2, ['gap', 'route', 'similarity'])
    """
    folder = Path(run)
    config = replace(read_config(folder), weights=None, grad_checkpointing=False)
    path = folder / "checkpoints" / f"{checkpoint}.ckpt"
    saved = read_checkpoint(path)
    network = build_network(config)
    _load(network, saved, path)
    training, validation = _split(folder)
    place = torch.device(_device(device))
    return LoadedRun(
        folder,
        config,
        network.eval().requires_grad_(False).to(place),
        training,
        validation,
        saved["global_step"],
        place,
    )


def _load(network: Network, saved: Mapping[str, Any], path: Path) -> None:
    states = saved["state_dict"]
    prefix = next((word for word in ("averaged.module.", "network.") if any(n.startswith(word) for n in states)), "")
    state = {name.removeprefix(prefix): value for name, value in states.items() if name.startswith(prefix)}
    own = network.state_dict()
    other = [name for name in own if name not in state or state[name].shape != own[name].shape]
    other += [name for name in state if name not in own]
    if other:
        raise InputError(
            str(path),
            wanted="a checkpoint of the network that config.yaml names",
            got=f"one in which {len(other)} tensors do not fit, first {other[0]}",
            do="put back the run's own checkpoint and config.yaml",
        )
    network.load_state_dict(state)


def _split(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    try:
        return read_split(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            str(folder),
            wanted="a run folder with split.json",
            got=f"none that can be read ({type(error).__name__})",
            do="name a folder that `orienteer pretrain` made",
        ) from error


def _device(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device", wanted="a GPU that torch can use", got="none", do="use --device cpu")
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
