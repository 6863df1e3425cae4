"""What the tasks of a run know of places: where each one lies in a frame that all scans share, and a vector for it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from orienteer.devices import Accelerator
from orienteer.runs.folder import CONFIG_FILE, last_checkpoint
from orienteer.runs.loaded import LoadedRun, load_run
from orienteer.tasks.base import Features, Task


@dataclass(frozen=True)
class KnownPlaces:
    """What the tasks of a run know of places of a scan.

    Attributes:
        places_mm: where each lies in a frame that all scans share; no columns where no task places cells.
        scales_mm: scale of the error of each along each axis, as it was learned on training scans; no columns where no task
            predicts it.
        embedding: vectors whose directions tell places, those of all tasks side by side.
        channels: how many numbers of the embedding belong to each task.
    """

    places_mm: Float32[np.ndarray, "places _axes"]
    scales_mm: Float32[np.ndarray, "places _axes_or_none"]
    embedding: Float32[np.ndarray, "places _channels"]
    channels: tuple[int, ...]


class PlaceHeads:
    """The heads of those tasks of a run that place cells or embed them.

    Args:
        tasks: of a run, trained.
        unit_mm: the length that they see as 1.
    """

    def __init__(self, tasks: Sequence[Task[Any, Any]], unit_mm: float) -> None:
        self.tasks, self.unit_mm = tuple(tasks), unit_mm
        self._widths: tuple[int, int, tuple[int, ...]] = (0, 0, ())

    @torch.no_grad()
    def __call__(self, levels: tuple[Float[Tensor, "views _ _ _ _"], ...]) -> list[Float[Tensor, "views _ _ _ _"]]:
        """Returns the maps of the heads: places and scales, then the embeddings."""
        features = Features(tuple(level[None] for level in levels))
        placed = [each for task in self.tasks if (each := task.placed_cells(features)) is not None]
        embedded = [maps[0] for task in self.tasks if (maps := task.embedded_cells(features)) is not None]
        where: list[Tensor] = []
        if placed:  # of several tasks, the one with the most cells
            finest = max(placed, key=lambda each: each.places[0, 0, 0].numel())
            where = [each[0] * self.unit_mm for each in (finest.places, finest.scales) if each is not None]
        self._widths = (3 * (len(where) > 0), 3 * (len(where) > 1), tuple(each.shape[1] for each in embedded))
        return [*where, *embedded]

    def known(self, rows: Float32[np.ndarray, "places _values"]) -> KnownPlaces:
        """Returns what the values of the maps at places mean."""
        places, scales, channels = self._widths
        first, second, third = np.split(rows, [places, places + scales], axis=1)
        return KnownPlaces(first, second, third, channels)

    @property
    def version(self) -> str:
        """A hash of all weights."""
        digest = hashlib.blake2b(digest_size=8)
        for task in self.tasks:
            for name, values in sorted(task.state_dict().items()):
                digest.update(name.encode())
                digest.update(values.cpu().numpy().tobytes())
        return digest.hexdigest()


def place_heads(loaded: LoadedRun) -> PlaceHeads | None:
    """Returns the heads of a run; None for a run none of whose tasks places cells or embeds them."""
    able = [task for task in loaded.network.tasks_by_name.values() if _able(type(task))]
    return PlaceHeads(able, loaded.unit_mm) if able else None


def heads_of(run: str | Path, accelerator: Accelerator = "cpu") -> PlaceHeads | None:
    """Returns the heads of a run folder; None for an encoder alone, and for a run without its last checkpoint.

    Args:
        run: a run folder, or its encoder.safetensors.
        accelerator: where to compute.
    """
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    if not (folder / CONFIG_FILE).is_file() or not last_checkpoint(folder).is_file():
        return None
    return place_heads(load_run(folder, device=DEVICES[accelerator]))


DEVICES: dict[Accelerator, Literal["auto", "cpu", "cuda"]] = {"auto": "auto", "cpu": "cpu", "gpu": "cuda"}


def _able(task: type[Task[Any, Any]]) -> bool:
    return task.placed_cells is not Task.placed_cells or task.embedded_cells is not Task.embedded_cells
